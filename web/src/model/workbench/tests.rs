//! Stories at the workbench.
