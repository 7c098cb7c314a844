// Package verify tells right answers from wrong ones, where there is a way to tell that is not a guess.
package verify

import (
	"regexp"
	"regexp/syntax"

	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

// A Verifier accepts or rejects the text of an answer.
type Verifier func(text string) bool

// New makes the verifier that a request asks for, for a question; nil for the host's own function, which cannot be called
// from here. Its errors are bad requests that name the field.
func New(v message.Verifier, question string) (Verifier, error) {
	switch v.Type {
	case message.VerifyArithmetic:
		return newArithmetic(question)
	case message.VerifyCountdown:
		return newCountdown(v, question)
	case message.VerifyJSON:
		s, err := ParseSchema(v.Schema)
		if err != nil {
			return nil, message.Refuse("strategy.verifier.schema", "is no schema that is known here: %w", err)
		}
		return s.accepts, nil
	case message.VerifyRegex:
		return newPattern(v.Pattern)
	case message.VerifyFunction:
		return nil, nil
	}
	return nil, message.Refuse("strategy.verifier.type", "is %q, which is not known", v.Type)
}

// maxPattern is the longest pattern in bytes: Go's regular expressions take time by pattern times text.
const maxPattern = 4096

// newPattern makes a verifier of a regular expression, which the answer (what is in its box, or all of it) matches as a whole.
func newPattern(pattern string) (Verifier, error) {
	const field = "strategy.verifier.pattern"
	if len(pattern) > maxPattern {
		return nil, message.Refuse(field, "has %d bytes, must have at most %d", len(pattern), maxPattern)
	}
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil { // before it is put in brackets, which may make it whole
		return nil, message.Refuse(field, "is no regular expression: %w", err)
	}
	expression, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, message.Refuse(field, "is no regular expression: %w", err)
	}
	return func(text string) bool { return expression.MatchString(said(text)) }, nil
}

// said is what a text answers: what is in its box, or without one all of it.
func said(text string) string {
	if box, ok := answer.Boxed(text); ok {
		return box
	}
	return trim(text)
}

// questioned says that a verifier finds nothing to verify in a question.
func questioned(kind message.VerifierType, want string) error {
	return message.Refuse("strategy.verifier", "is %s, but the question has no %s", kind, want)
}
