// Package answer tells what a text answers: the key by which two answers are the same answer.
//
// A key is exact, never a guess: single numbers are the same if their values are (0.50, 1/2 and \frac{1}{2}), all else if
// it is written the same, blanks and outer brackets apart. Two expressions are two answers even where their values agree.
package answer

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// Key is the key of what a text answers; empty if it answers nothing that could be counted. In this order: the last
// \boxed{}; a whole text that is JSON; a letter that is named as the answer or stands alone on the last line; the last number.
func Key(text string) string {
	if box, ok := Boxed(text); ok {
		return canonical(box)
	}
	if key, ok := jsonKey(text); ok {
		return key
	}
	if letter := lastLetter(text); letter != "" {
		return letter
	}
	if numbers := number.FindAllStringIndex(text, -1); len(numbers) > 0 {
		last := numbers[len(numbers)-1]
		if !refusal.MatchString(sentence(text, last[0], last[1])) {
			return canonical(text[last[0]:last[1]])
		}
	}
	return ""
}

// sentence is the sentence, or the line, that a part of a text stands in.
func sentence(text string, from, to int) string {
	start := 0
	if m := sentenceEnd.FindAllStringIndex(text[:from], -1); len(m) > 0 {
		start = m[len(m)-1][1]
	}
	end := len(text)
	if m := sentenceEnd.FindStringIndex(text[to:]); m != nil {
		end = to + m[0]
	}
	return text[start:end]
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?]\s|\n`)
	// Words of a sentence whose number is no answer: "I did not find a way to make 24."
	refusal = regexp.MustCompile(`(?i)\b(?:did not|didn't|do not|don't|could not|couldn't|cannot|can't|unable|impossible|no way|no solution)\b`)
)

// Boxed is what stands in the last \boxed{} whose braces balance; false if there is none, or nothing in it.
func Boxed(text string) (inside string, ok bool) {
	type brace struct {
		at  int
		box bool
	}
	var open []brace
	last := -1
	for i := 0; i < len(text); i++ { // one pass: a model in a loop may open thousands of boxes and close none
		switch text[i] {
		case '\\':
			if !strings.HasPrefix(text[i:], box) {
				i++ // an escaped brace is a character like others
			}
		case '{':
			open = append(open, brace{i, strings.HasSuffix(strings.TrimRight(text[max(0, i-2*len(box)):i], " "), box)})
		case '}':
			if len(open) == 0 {
				continue
			}
			b := open[len(open)-1]
			open = open[:len(open)-1]
			if inner := strings.TrimSpace(text[b.at+1 : i]); b.box && b.at > last && inner != "" {
				inside, ok, last = inner, true, b.at
			}
		}
	}
	return inside, ok
}

const box = `\boxed`

// number is a whole number, a decimal or a fraction of whole numbers, with blanks around its bar at most.
var number = regexp.MustCompile(`[-−+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?(\s*/\s*\d+)?|[-−+]?\.\d+`)

// A letter is named as the answer, or stands alone on the last line.
var (
	// A and I may be words of a sentence that goes on.
	namedLetter = regexp.MustCompile(`(?i:\b(?:answer|option|choice)\b(?:\s+is)?)\s*:?\s*[*]{0,2}[(]?(?:([A-Z])[)]?(?:$|[^\pL\pN'\s])|([A-Z])\s*$|([B-HJ-Z])\s)`)
	loneLetter  = regexp.MustCompile(`^[*]{0,2}[(]?([A-Z])[).]?[*]{0,2}$`)
)

func lastLetter(text string) string {
	text = strings.TrimSpace(text)
	if m := loneLetter.FindStringSubmatch(text[strings.LastIndexByte(text, '\n')+1:]); m != nil {
		return m[1]
	}
	if named := namedLetter.FindAllStringSubmatch(text, -1); len(named) > 0 {
		last := named[len(named)-1]
		return last[1] + last[2] + last[3]
	}
	return ""
}

// JSON is the JSON that a text is as a whole, or the inside of the one fenced block that it is; false if it is an object or a
// list of neither kind.
func JSON(text string) ([]byte, bool) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		inner = strings.TrimPrefix(inner, "json")
		text = strings.TrimSpace(strings.TrimSuffix(inner, "```"))
	}
	if text == "" || text[0] != '{' && text[0] != '[' || !json.Valid([]byte(text)) {
		return nil, false
	}
	return []byte(text), true
}

// jsonKey is an object or list with its keys in order and its numbers as they are written.
func jsonKey(text string) (string, bool) {
	data, ok := JSON(text)
	if !ok {
		return "", false
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return "", false
	}
	key, err := json.Marshal(v)
	return string(key), err == nil
}
