package answer

import (
	"regexp"
	"strings"
)

// canonical is what an answer is compared by: the value of a single number, or else its text.
func canonical(text string) string {
	single := !listed.MatchString(text)
	text = plain(text)
	if !single {
		return text
	}
	if r, ok := ParseRational(text); ok {
		return r.String()
	}
	if long, ok := longNumber(text); ok {
		return long
	}
	return text
}

// The ways in which LaTeX and people write one and the same character.
var spellings = strings.NewReplacer(
	`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\left`, "", `\right`, "", `\times`, "*", `\cdot`, "*", "×", "*", "·", "*", `\div`, "/", "÷", "/", "−", "-", "–", "-",
	`\%`, "", "%", "", `\$`, "", "$", "", `\!`, "", `\,`, "", `\;`, "", `\:`, "", `\ `, "", "{,}", ",", "~", "", "**", "^",
)

var (
	listed   = regexp.MustCompile(`\d,?\s+\d`) // several numbers, which without their blanks might be one
	apart    = regexp.MustCompile(`([\pL\pN])\s+([\pL\pN])`)
	wordsIn  = regexp.MustCompile(`\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}`)
	fraction = regexp.MustCompile(`^([-+]?)\\frac(?:\{([^{}]*)\}|(\d))(?:\{([^{}]*)\}|(\d))$`)
	assigned = regexp.MustCompile(`^[a-zA-Z]=(.+)$`)
)

// plain takes blanks, currency and percent signs, outer brackets, a full stop and an "x =" off a text, and writes a lone
// fraction with a bar. One blank stays where it keeps two words or numbers apart.
func plain(text string) string {
	text = wordsIn.ReplaceAllString(text, "$1")
	text = spellings.Replace(text)
	for range 2 { // a single letter may stand between two blanks
		text = apart.ReplaceAllString(text, "$1\x00$2")
	}
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), ""), "\x00", " ")
	text = strings.TrimSuffix(text, ".")
	if m := assigned.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	for {
		inner, ok := unbracketed(text)
		if !ok {
			break
		}
		text = inner
	}
	if m := fraction.FindStringSubmatch(text); m != nil {
		text = m[1] + m[2] + m[3] + "/" + m[4] + m[5]
	}
	return text
}

// unbracketed takes a pair of round brackets off that holds all of a text.
func unbracketed(text string) (string, bool) {
	if len(text) < 3 || text[0] != '(' || text[len(text)-1] != ')' {
		return text, false
	}
	depth := 0
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && i < len(text)-1 {
			return text, false
		}
	}
	return text[1 : len(text)-1], depth == 0
}
