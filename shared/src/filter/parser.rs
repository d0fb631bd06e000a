//! Parses a filter by recursive descent:
//!
//! ```text
//! either    = all { ("||" | "or") all }
//! all       = single { ("&&" | "and") single }
//! single    = ("!" | "not") single | "(" either ")" | condition
//! condition = absent | ["any" | "all"] operand [ comparison (value | operand) | "contains" value | "&" value | ["not"] "in" set ]
//! operand   = field [slice] | ("len" | "count") "(" field [slice] ")"
//! slice     = "[" piece { "," piece } "]"      piece = n | n ":" n | n "-" n | ":" n | n ":"
//! set       = "{" value [".." value] { [","] value [".." value] } "}"
//! ```

use super::expression::{Condition, Expression, Operator, Quantifier, SetMember, Test};
use super::lexer::{Symbol, Token, TokenKind, lex};
use super::literal::{self, Literal, unescape};
use super::operand::{Operand, Piece, View, has_bytes};
use super::{Field, ParseError, Reason};

/// Maximum nesting of parentheses and negations, so that no text overflows the stack.
const MAX_DEPTH: usize = 64;

/// Protocols that are known from analysers and that the dissector reads as data or not at all.
const ABSENT: [&str; 12] = [
    "arp", "dhcp", "dns", "http", "http2", "igmp", "mdns", "ntp", "quic", "sctp", "ssh", "tls",
];

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Expression, ParseError> {
    let (tokens, lex_error) = lex(text);
    let mut parser = Parser {
        tokens: &tokens,
        lex_error,
        end: text.len(),
        depth: 0,
    };
    if parser.tokens.is_empty() && parser.lex_error.is_none() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.joined(Symbol::Or)?;
    match (parser.next(), parser.lex_error) {
        (Some(token), _) => Err(token.error(Reason::ExpectedConnection)),
        (None, Some(lex_error)) => Err(lex_error),
        (None, None) => Ok(expression),
    }
}

struct Parser<'t, 'a> {
    /// The tokens not yet read.
    tokens: &'t [Token<'a>],
    /// The error behind the last token, if the lexer found one.
    lex_error: Option<ParseError>,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.split_off_first().copied()
    }

    /// The next token.
    ///
    /// # Errors
    ///
    /// This reason at the end of the text.
    fn expect(&mut self, reason: Reason) -> Result<Token<'a>, ParseError> {
        let end = self.end;
        self.next().ok_or_else(|| {
            self.missing(ParseError {
                range: end..end,
                reason,
            })
        })
    }

    /// The error of a text that ended too early: the lexer's, else this one.
    fn missing(&mut self, error: ParseError) -> ParseError {
        self.lex_error.take().unwrap_or(error)
    }

    fn accept(&mut self, symbol: Symbol) -> Option<Token<'a>> {
        let next = self.tokens.first()?;
        if next.kind == TokenKind::Symbol(symbol) {
            self.next()
        } else {
            None
        }
    }

    /// Parts joined by `or`, or by `and`.
    fn joined(&mut self, by: Symbol) -> Result<Expression, ParseError> {
        let mut parts = Vec::new();
        loop {
            parts.push(if by == Symbol::Or {
                self.joined(Symbol::And)?
            } else {
                self.single()?
            });
            if self.accept(by).is_none() {
                break;
            }
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ if by == Symbol::Or => Expression::Any(parts),
            _ => Expression::All(parts),
        })
    }

    fn single(&mut self) -> Result<Expression, ParseError> {
        let token = self.expect(Reason::ExpectedField)?;
        if self.depth == MAX_DEPTH {
            return Err(token.error(Reason::TooDeep));
        }
        self.depth += 1;
        let expression = match token.kind {
            TokenKind::Word(name) => self.condition(name, token),
            TokenKind::Symbol(Symbol::Not) => {
                self.single().map(|inner| Expression::Not(Box::new(inner)))
            }
            TokenKind::Symbol(Symbol::OpenParenthesis) => self.group(token),
            TokenKind::Symbol(_) | TokenKind::Quoted(_) | TokenKind::Operator(_) => {
                Err(token.error(Reason::ExpectedField))
            }
        };
        self.depth -= 1;
        expression
    }

    fn group(&mut self, open: Token<'_>) -> Result<Expression, ParseError> {
        let expression = self.joined(Symbol::Or)?;
        if self.accept(Symbol::CloseParenthesis).is_some() {
            return Ok(expression);
        }
        Err(match self.next() {
            Some(token) => token.error(Reason::ExpectedConnection),
            None => self.missing(open.error(Reason::UnclosedParenthesis)),
        })
    }

    fn condition(&mut self, name: &str, token: Token<'_>) -> Result<Expression, ParseError> {
        let quantifier = match (name, self.tokens.first().map(|token| token.kind)) {
            ("any", Some(TokenKind::Word(_))) => Some(Quantifier::Any),
            ("all", Some(TokenKind::Word(_))) => Some(Quantifier::All),
            _ if ABSENT.contains(&name) => return Ok(Expression::Any(Vec::new())),
            _ => None,
        };
        let operand = match (quantifier, self.tokens.first().copied()) {
            (Some(_), Some(token)) => {
                self.next();
                self.operand_at(token)?
            }
            _ => self.operand_at(token)?,
        };
        let field = operand.field;
        let negated = self.accept(Symbol::Not).is_some();
        let test = match self.tokens.first().map(|token| token.kind) {
            Some(TokenKind::Operator(operator)) if !negated || operator == Operator::In => {
                self.test(operator, &operand)?
            }
            Some(_) | None if negated => {
                return Err(self
                    .expect(Reason::ExpectedSet { field })?
                    .error(Reason::ExpectedSet { field }));
            }
            Some(_) | None if quantifier.is_some() || is_function(&operand) => {
                let token = self.expect(Reason::ExpectedValue { field })?;
                return Err(token.error(Reason::ExpectedValue { field }));
            }
            Some(_) | None => Test::Present,
        };
        let test = Expression::Test(Condition {
            operand,
            quantifier,
            test,
        });
        Ok(if negated {
            Expression::Not(Box::new(test))
        } else {
            test
        })
    }

    /// The operand that begins with this token.
    fn operand_at(&mut self, token: Token<'_>) -> Result<Operand, ParseError> {
        let TokenKind::Word(name) = token.kind else {
            return Err(token.error(Reason::ExpectedField));
        };
        let function = match name {
            "len" => Some(View::Length),
            "count" => Some(View::Count),
            _ => None,
        };
        let open = function
            .as_ref()
            .and_then(|_| self.accept(Symbol::OpenParenthesis));
        let Some((open, view)) = open.zip(function) else {
            return self.field(name, token);
        };
        let inner = self.expect(Reason::ExpectedField)?;
        let TokenKind::Word(name) = inner.kind else {
            return Err(inner.error(Reason::ExpectedField));
        };
        let operand = self.field(name, inner)?;
        if view == View::Length && !has_bytes(operand.field.value_type())
            || operand.view != View::Whole
        {
            return Err(token.error(Reason::WrongOperator {
                field: operand.field,
            }));
        }
        if self.accept(Symbol::CloseParenthesis).is_none() {
            return Err(self.missing(open.error(Reason::UnclosedParenthesis)));
        }
        Ok(Operand { view, ..operand })
    }

    /// A field, and the slice of it that follows.
    fn field(&mut self, name: &str, token: Token<'_>) -> Result<Operand, ParseError> {
        let field = Field::from_name(name).ok_or_else(|| token.error(unknown_field(name)))?;
        let Some(open) = self.accept(Symbol::OpenSlice) else {
            return Ok(Operand {
                field,
                view: View::Whole,
            });
        };
        if !has_bytes(field.value_type()) {
            return Err(open.error(Reason::WrongOperator { field }));
        }
        let mut pieces = Vec::new();
        loop {
            let token = self.expect(Reason::BadSlice)?;
            let piece = match token.kind {
                TokenKind::Word(word) => Piece::from_text(word),
                TokenKind::Quoted(_) | TokenKind::Operator(_) | TokenKind::Symbol(_) => None,
            };
            pieces.push(piece.ok_or_else(|| token.error(Reason::BadSlice))?);
            if self.accept(Symbol::CloseSlice).is_some() {
                let view = View::Slice(pieces);
                return Ok(Operand { field, view });
            }
            if self.accept(Symbol::Comma).is_none() {
                return Err(self.missing(open.error(Reason::BadSlice)));
            }
        }
    }

    /// The test of the operator, which is the next token, and of what follows it.
    fn test(&mut self, operator: Operator, operand: &Operand) -> Result<Test, ParseError> {
        let field = operand.field;
        let token = self.expect(Reason::ExpectedValue { field })?;
        if let Operator::Compare(comparison) = operator
            && let Some(other) = self.other_operand(operand)?
        {
            return Ok(Test::CompareOperand(comparison, other));
        }
        if !operator.supports(operand.value_type()) {
            return Err(token.error(Reason::WrongOperator { field }));
        }
        match operator {
            Operator::Compare(comparison) => Ok(Test::Compare(comparison, self.value(operand)?)),
            Operator::Bits => Ok(Test::Bits(self.value(operand)?)),
            Operator::Contains => self.needle(operand).map(Test::Contains),
            Operator::In => self.set(operand),
        }
    }

    /// The operand to compare with, if the next token begins one.
    fn other_operand(&mut self, operand: &Operand) -> Result<Option<Operand>, ParseError> {
        let Some(token) = self.tokens.first().copied() else {
            return Ok(None);
        };
        let TokenKind::Word(name) = token.kind else {
            return Ok(None);
        };
        let calls = matches!(name, "len" | "count")
            && self
                .tokens
                .get(1)
                .is_some_and(|token| token.kind == TokenKind::Symbol(Symbol::OpenParenthesis));
        if !calls && Field::from_name(name).is_none() {
            return Ok(None);
        }
        self.next();
        let other = self.operand_at(token)?;
        if other.value_type().is_comparable(operand.value_type()) {
            Ok(Some(other))
        } else {
            Err(token.error(Reason::WrongValue {
                field: operand.field,
            }))
        }
    }

    fn value(&mut self, operand: &Operand) -> Result<Literal, ParseError> {
        let field = operand.field;
        let token = self.expect(Reason::ExpectedValue { field })?;
        let value = match token.kind {
            TokenKind::Word(word) => Literal::from_word(word, operand),
            TokenKind::Quoted(quoted) => Literal::from_quoted(quoted, operand),
            TokenKind::Operator(_) | TokenKind::Symbol(_) => Err(Reason::ExpectedValue { field }),
        };
        value.map_err(|reason| token.error(reason))
    }

    fn needle(&mut self, operand: &Operand) -> Result<Vec<u8>, ParseError> {
        let field = operand.field;
        let token = self.expect(Reason::ExpectedValue { field })?;
        let needle = match token.kind {
            TokenKind::Word(word) => literal::needle(word, operand),
            TokenKind::Quoted(quoted) => unescape(quoted).ok_or(Reason::BadEscape),
            TokenKind::Operator(_) | TokenKind::Symbol(_) => Err(Reason::ExpectedValue { field }),
        };
        needle.map_err(|reason| token.error(reason))
    }

    fn set(&mut self, operand: &Operand) -> Result<Test, ParseError> {
        let field = operand.field;
        let open = self.expect(Reason::ExpectedSet { field })?;
        if open.kind != TokenKind::Symbol(Symbol::OpenSet) {
            return Err(open.error(Reason::ExpectedSet { field }));
        }
        let mut members = Vec::new();
        loop {
            members.push(self.set_member(operand)?);
            if self.accept(Symbol::CloseSet).is_some() {
                return Ok(Test::In(members));
            }
            if self.tokens.is_empty() {
                return Err(self.missing(open.error(Reason::UnclosedSet)));
            }
            self.accept(Symbol::Comma);
        }
    }

    fn set_member(&mut self, operand: &Operand) -> Result<SetMember, ParseError> {
        let from = self.value(operand)?;
        let Some(dots) = self.accept(Symbol::To) else {
            return Ok(SetMember { from, to: None });
        };
        let to = self.value(operand)?;
        if !operand.value_type().is_ordered() {
            return Err(dots.error(Reason::WrongOperator {
                field: operand.field,
            }));
        }
        if from.is_above(&to) {
            return Err(dots.error(Reason::BackwardRange));
        }
        Ok(SetMember { from, to: Some(to) })
    }
}

/// Whether it is the result of a function, whose presence says nothing.
fn is_function(operand: &Operand) -> bool {
    matches!(operand.view, View::Length | View::Count)
}

/// The reason for a name that no field has; a word that does not begin with a letter is no name.
fn unknown_field(name: &str) -> Reason {
    match name.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z', ..] => Reason::UnknownField {
            nearest: Field::nearest(name),
        },
        _ => Reason::ExpectedField,
    }
}
