//! Parses a filter by recursive descent:
//!
//! ```text
//! either    = all { ("||" | "or") all }
//! all       = single { ("&&" | "and") single }
//! single    = ("!" | "not") single | "(" either ")" | condition
//! condition = field [ comparison value | "contains" value | "&" value | ["not"] "in" set ]
//! set       = "{" value [".." value] { [","] value [".." value] } "}"
//! ```

use super::expression::{Expression, Operator, SetMember, Test};
use super::lexer::{Symbol, Token, TokenKind, lex};
use super::literal::{self, Literal, unescape};
use super::{Field, ParseError, Reason};

/// Maximum nesting of parentheses and negations, so that no text overflows the stack.
const MAX_DEPTH: usize = 64;

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
        let field = Field::from_name(name).ok_or_else(|| token.error(unknown_field(name)))?;
        let negated = self.accept(Symbol::Not).is_some();
        let test = match self.tokens.first().map(|token| token.kind) {
            Some(TokenKind::Operator(operator)) if !negated || operator == Operator::In => {
                self.operand(operator, field)?
            }
            Some(_) | None if negated => {
                return Err(self
                    .expect(Reason::ExpectedSet { field })?
                    .error(Reason::ExpectedSet { field }));
            }
            Some(_) | None => Test::Present,
        };
        let test = Expression::Test(field, test);
        Ok(if negated {
            Expression::Not(Box::new(test))
        } else {
            test
        })
    }

    /// The test of the operator, which is the next token, and of its operand.
    fn operand(&mut self, operator: Operator, field: Field) -> Result<Test, ParseError> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        if !operator.supports(field.value_type()) {
            return Err(token.error(Reason::WrongOperator { field }));
        }
        match operator {
            Operator::Compare(comparison) => Ok(Test::Compare(comparison, self.value(field)?)),
            Operator::Bits => Ok(Test::Bits(self.value(field)?)),
            Operator::Contains => self.needle(field).map(Test::Contains),
            Operator::In => self.set(field),
        }
    }

    fn value(&mut self, field: Field) -> Result<Literal, ParseError> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        let value = match token.kind {
            TokenKind::Word(word) => Literal::from_word(word, field),
            TokenKind::Quoted(quoted) => Literal::from_quoted(quoted, field),
            TokenKind::Operator(_) | TokenKind::Symbol(_) => Err(Reason::ExpectedValue { field }),
        };
        value.map_err(|reason| token.error(reason))
    }

    fn needle(&mut self, field: Field) -> Result<Vec<u8>, ParseError> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        let needle = match token.kind {
            TokenKind::Word(word) => literal::needle(word, field),
            TokenKind::Quoted(quoted) => unescape(quoted).ok_or(Reason::BadEscape),
            TokenKind::Operator(_) | TokenKind::Symbol(_) => Err(Reason::ExpectedValue { field }),
        };
        needle.map_err(|reason| token.error(reason))
    }

    fn set(&mut self, field: Field) -> Result<Test, ParseError> {
        let open = self.expect(Reason::ExpectedSet { field })?;
        if open.kind != TokenKind::Symbol(Symbol::OpenSet) {
            return Err(open.error(Reason::ExpectedSet { field }));
        }
        let mut members = Vec::new();
        loop {
            members.push(self.set_member(field)?);
            if self.accept(Symbol::CloseSet).is_some() {
                return Ok(Test::In(members));
            }
            if self.tokens.is_empty() {
                return Err(self.missing(open.error(Reason::UnclosedSet)));
            }
            self.accept(Symbol::Comma);
        }
    }

    fn set_member(&mut self, field: Field) -> Result<SetMember, ParseError> {
        let from = self.value(field)?;
        let Some(dots) = self.accept(Symbol::To) else {
            return Ok(SetMember { from, to: None });
        };
        let to = self.value(field)?;
        if !field.value_type().is_ordered() {
            return Err(dots.error(Reason::WrongOperator { field }));
        }
        if from.is_above(&to) {
            return Err(dots.error(Reason::BackwardRange));
        }
        Ok(SetMember { from, to: Some(to) })
    }
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
