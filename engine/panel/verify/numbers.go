package verify

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

func trim(text string) string { return strings.TrimSpace(text) }

// stretch is a part of a question that may be an expression: of digits, signs and brackets.
var stretch = regexp.MustCompile(`[-−(]*\d[\d\s.,()+*/×÷·−-]*`)

// newArithmetic makes a verifier of the value of the longest expression in a question.
func newArithmetic(question string) (Verifier, error) {
	var want answer.Rational
	longest := 1
	for _, part := range stretch.FindAllString(question, -1) {
		part = strings.TrimRight(part, " \t\n.,+*/×÷·−-(")
		if value, numbers, ok := answer.Evaluate(part); ok && len(numbers) > longest {
			want, longest = value, len(numbers)
		}
	}
	if longest == 1 {
		return nil, questioned(message.VerifyArithmetic, "expression of numbers, + - * / and brackets")
	}
	return func(text string) bool { return answer.Key(text) == want.String() }, nil
}

var (
	whole = regexp.MustCompile(`\d+`)
	// What comes before a target, and what may stand between.
	aim = regexp.MustCompile(`(?i)\b(?:make|makes|making|target|reach|reaches|get|gets|obtain|equals?|equal to|total)\b[^\d]{0,12}?(\d+)`)
)

// newCountdown makes a verifier of expressions that use each number once and hit the target. Those of a question are the
// number after a word such as make, reach or target, and all others.
func newCountdown(v message.Verifier, question string) (Verifier, error) {
	numbers := slices.Clone(v.Numbers)
	var target int
	if v.Target != nil {
		target = *v.Target
	} else {
		var ok bool
		if numbers, target, ok = readCountdown(question); !ok {
			return nil, questioned(message.VerifyCountdown, "numbers with a target, such as: make 24 from 3, 6 and 12")
		}
	}
	slices.Sort(numbers)
	return func(text string) bool { return solves(said(text), numbers, target) }, nil
}

func readCountdown(question string) (numbers []int, target int, ok bool) {
	aims := aim.FindAllStringSubmatchIndex(question, -1)
	if len(aims) == 0 {
		return nil, 0, false
	}
	at := aims[len(aims)-1][2]
	for _, m := range whole.FindAllStringIndex(question, -1) {
		n, err := strconv.Atoi(question[m[0]:m[1]])
		switch {
		case err != nil:
			return nil, 0, false
		case m[0] == at:
			target = n
		default:
			numbers = append(numbers, n)
		}
	}
	return numbers, target, len(numbers) > 0
}

// solves tells whether an expression hits the target, with each of the sorted numbers once. "= target" may follow it.
func solves(expression string, numbers []int, target int) bool {
	if left, right, ok := strings.Cut(expression, "="); ok {
		if answer.Key(`\boxed{`+right+`}`) != strconv.Itoa(target) {
			return false
		}
		expression = left
	}
	value, used, ok := answer.Evaluate(expression)
	if !ok || value != answer.Whole(int64(target)) || len(used) != len(numbers) {
		return false
	}
	left := slices.Clone(numbers)
	for _, u := range used {
		at := slices.IndexFunc(left, func(n int) bool { return answer.Whole(int64(n)) == u })
		if at < 0 {
			return false
		}
		left = slices.Delete(left, at, at+1)
	}
	return true
}
