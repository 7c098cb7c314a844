package answer

import (
	"strconv"
	"strings"
)

// most brackets within each other that an expression may have: what a model writes is not to exhaust the stack.
const maxDepth = 100

// Evaluate computes an expression of whole numbers and decimals, + - * / (in any of their spellings) and brackets, exactly,
// and lists the numbers in it as they come. It is false for what is no such expression, divides by zero, or does not fit.
func Evaluate(text string) (value Rational, numbers []Rational, ok bool) {
	e := evaluation{rest: strings.Join(strings.Fields(spellings.Replace(text)), "")}
	value, ok = e.sum()
	return value, e.numbers, ok && e.rest == ""
}

// An evaluation is the rest of an expression, without blanks.
type evaluation struct {
	rest    string
	numbers []Rational
	depth   int
}

// take takes one of some characters off the front.
func (e *evaluation) take(of string) (byte, bool) {
	if e.rest == "" || strings.IndexByte(of, e.rest[0]) < 0 {
		return 0, false
	}
	c := e.rest[0]
	e.rest = e.rest[1:]
	return c, true
}

func (e *evaluation) sum() (Rational, bool) {
	value, ok := e.product()
	for ok {
		sign, more := e.take("+-")
		if !more {
			break
		}
		var right Rational
		if right, ok = e.product(); !ok {
			break
		}
		if sign == '-' {
			right = right.Negative()
		}
		value, ok = value.Add(right)
	}
	return value, ok
}

func (e *evaluation) product() (Rational, bool) {
	value, ok := e.factor()
	for ok {
		sign, more := e.take("*/")
		if !more {
			break
		}
		var right Rational
		if right, ok = e.factor(); !ok {
			break
		}
		if sign == '/' {
			value, ok = value.Divide(right)
		} else {
			value, ok = value.Multiply(right)
		}
	}
	return value, ok
}

func (e *evaluation) factor() (Rational, bool) {
	if e.depth++; e.depth > maxDepth {
		return Rational{}, false
	}
	defer func() { e.depth-- }()
	if sign, ok := e.take("+-"); ok {
		value, ok := e.factor()
		if sign == '-' {
			value = value.Negative()
		}
		return value, ok
	}
	if _, ok := e.take("("); ok {
		value, ok := e.sum()
		_, closed := e.take(")")
		return value, ok && closed
	}
	end := 0
	for end < len(e.rest) && (e.rest[end] >= '0' && e.rest[end] <= '9' || e.rest[end] == '.') {
		end++
	}
	digits := e.rest[:end]
	if _, err := strconv.ParseFloat(digits, 64); err != nil {
		return Rational{}, false
	}
	value, ok := parseDecimal(digits)
	e.rest = e.rest[end:]
	e.numbers = append(e.numbers, value)
	return value, ok
}
