//! Reads a filter:
//!
//! ```text
//! either    = all { ("||" | "or") all }
//! all       = single { ("&&" | "and") single }
//! single    = ("!" | "not") single | "(" either ")" | condition
//! condition = field [ comparison value | "contains" value | "&" value | ["not"] "in" set ]
//! set       = "{" value [".." value] { [","] value [".." value] } "}"
//! ```

use super::expression::{Expression, Operator, Span, Test};
use super::lexer::{Sign, Token, TokenKind, lex, unescape};
use super::literal::{self, Literal};
use super::{Field, Mistake, Reason};

/// Parentheses and negations may be nested this deep; what is deeper was not typed by a person.
const DEEPEST: usize = 64;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Expression, Mistake> {
    let (tokens, broken) = lex(text);
    let mut parser = Parser {
        tokens: &tokens,
        broken,
        end: text.len(),
        depth: 0,
    };
    if parser.tokens.is_empty() && parser.broken.is_none() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.joined(Sign::Or)?;
    match (parser.next(), parser.broken) {
        (Some(token), _) => Err(token.mistake(Reason::ExpectedConnection)),
        (None, Some(broken)) => Err(broken),
        (None, None) => Ok(expression),
    }
}

struct Parser<'t, 'a> {
    /// What is left.
    tokens: &'t [Token<'a>],
    /// What comes behind the last token, if that cannot be read.
    broken: Option<Mistake>,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.split_off_first().copied()
    }

    /// The next token, or that this is missing at the end.
    fn expect(&mut self, reason: Reason) -> Result<Token<'a>, Mistake> {
        let end = self.end;
        self.next().ok_or_else(|| {
            self.missing(Mistake {
                range: end..end,
                reason,
            })
        })
    }

    /// The text ended too early: because the rest cannot be read, or with this mistake.
    fn missing(&mut self, mistake: Mistake) -> Mistake {
        self.broken.take().unwrap_or(mistake)
    }

    fn accept(&mut self, sign: Sign) -> Option<Token<'a>> {
        let next = self.tokens.first()?;
        if next.kind == TokenKind::Sign(sign) {
            self.next()
        } else {
            None
        }
    }

    /// Parts joined by `or`, or by `and`.
    fn joined(&mut self, by: Sign) -> Result<Expression, Mistake> {
        let mut parts = Vec::new();
        loop {
            parts.push(if by == Sign::Or {
                self.joined(Sign::And)?
            } else {
                self.single()?
            });
            if self.accept(by).is_none() {
                break;
            }
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ if by == Sign::Or => Expression::Any(parts),
            _ => Expression::All(parts),
        })
    }

    fn single(&mut self) -> Result<Expression, Mistake> {
        let token = self.expect(Reason::ExpectedField)?;
        if self.depth == DEEPEST {
            return Err(token.mistake(Reason::TooDeep));
        }
        self.depth += 1;
        let expression = match token.kind {
            TokenKind::Word(name) => self.condition(name, token),
            TokenKind::Sign(Sign::Not) => {
                self.single().map(|inner| Expression::Not(Box::new(inner)))
            }
            TokenKind::Sign(Sign::OpenParenthesis) => self.group(token),
            TokenKind::Sign(_) | TokenKind::Quoted(_) | TokenKind::Operator(_) => {
                Err(token.mistake(Reason::ExpectedField))
            }
        };
        self.depth -= 1;
        expression
    }

    fn group(&mut self, open: Token<'_>) -> Result<Expression, Mistake> {
        let expression = self.joined(Sign::Or)?;
        if self.accept(Sign::CloseParenthesis).is_some() {
            return Ok(expression);
        }
        Err(match self.next() {
            Some(token) => token.mistake(Reason::ExpectedConnection),
            None => self.missing(open.mistake(Reason::UnclosedParenthesis)),
        })
    }

    fn condition(&mut self, name: &str, token: Token<'_>) -> Result<Expression, Mistake> {
        let field = Field::named(name).ok_or_else(|| token.mistake(unknown(name)))?;
        let negated = self.accept(Sign::Not).is_some();
        let test = match self.tokens.first().map(|token| token.kind) {
            Some(TokenKind::Operator(operator)) if !negated || operator == Operator::In => {
                self.operand(operator, field)?
            }
            Some(_) | None if negated => {
                return Err(self
                    .expect(Reason::ExpectedSet { field })?
                    .mistake(Reason::ExpectedSet { field }));
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

    /// The operator, which is next, and what follows it.
    fn operand(&mut self, operator: Operator, field: Field) -> Result<Test, Mistake> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        if !operator.suits(field.type_of()) {
            return Err(token.mistake(Reason::WrongOperator { field }));
        }
        match operator {
            Operator::Compare(comparison) => Ok(Test::Compare(comparison, self.value(field)?)),
            Operator::Bits => Ok(Test::Bits(self.value(field)?)),
            Operator::Contains => self.needle(field).map(Test::Contains),
            Operator::In => self.set(field),
        }
    }

    fn value(&mut self, field: Field) -> Result<Literal, Mistake> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        let value = match token.kind {
            TokenKind::Word(word) => Literal::of_word(word, field),
            TokenKind::Quoted(quoted) => Literal::of_quoted(quoted, field),
            TokenKind::Operator(_) | TokenKind::Sign(_) => Err(Reason::ExpectedValue { field }),
        };
        value.map_err(|reason| token.mistake(reason))
    }

    fn needle(&mut self, field: Field) -> Result<Vec<u8>, Mistake> {
        let token = self.expect(Reason::ExpectedValue { field })?;
        let needle = match token.kind {
            TokenKind::Word(word) => literal::needle(word, field),
            TokenKind::Quoted(quoted) => unescape(quoted).ok_or(Reason::BadEscape),
            TokenKind::Operator(_) | TokenKind::Sign(_) => Err(Reason::ExpectedValue { field }),
        };
        needle.map_err(|reason| token.mistake(reason))
    }

    fn set(&mut self, field: Field) -> Result<Test, Mistake> {
        let open = self.expect(Reason::ExpectedSet { field })?;
        if open.kind != TokenKind::Sign(Sign::OpenSet) {
            return Err(open.mistake(Reason::ExpectedSet { field }));
        }
        let mut spans = Vec::new();
        loop {
            spans.push(self.span(field)?);
            if self.accept(Sign::CloseSet).is_some() {
                return Ok(Test::In(spans));
            }
            if self.tokens.is_empty() {
                return Err(self.missing(open.mistake(Reason::UnclosedSet)));
            }
            self.accept(Sign::Comma);
        }
    }

    fn span(&mut self, field: Field) -> Result<Span, Mistake> {
        let from = self.value(field)?;
        let Some(dots) = self.accept(Sign::To) else {
            return Ok(Span { from, to: None });
        };
        let to = self.value(field)?;
        if !field.type_of().is_ordered() {
            return Err(dots.mistake(Reason::WrongOperator { field }));
        }
        if from.is_above(&to) {
            return Err(dots.mistake(Reason::BackwardRange));
        }
        Ok(Span { from, to: Some(to) })
    }
}

/// What begins like no name was not meant as one.
fn unknown(name: &str) -> Reason {
    match name.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z', ..] => Reason::UnknownField {
            nearest: Field::nearest(name),
        },
        _ => Reason::ExpectedField,
    }
}
