//! Text for what the model knows: calls, numbers with units, explanations of errors. The sentences themselves are in
//! the files under `www/text`; [`crate::i18n`] reads them.

pub(crate) mod explain;
pub(crate) mod format_call;
pub(crate) mod units;
pub(crate) mod visible;
