package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tabseek/engine/panel/answer"
)

// The bounds of a schema: what is read is a caller's, and the guest's stack is small.
const (
	maxSchemaBytes = 64 << 10
	maxSchemaDepth = 32
)

// A Schema is a JSON schema of the words that describe answers: type, enum, const, properties, required,
// additionalProperties, items, minItems, maxItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern, anyOf, allOf. Notes (title, description, default, examples, $schema) are taken.
// A word that is not known is an error: what is not checked must not count as right.
type Schema struct {
	nothing, anything bool // a schema false, or true

	types                               []string
	values                              []any // of enum, or const
	properties                          map[string]*Schema
	required                            []string
	additional, items                   *Schema
	pattern                             *regexp.Regexp
	least, most, above, below           float64
	fewest, greatest, shortest, longest float64
	anyOf, allOf                        []*Schema
}

// ParseSchema reads a JSON schema.
func ParseSchema(data []byte) (*Schema, error) {
	if len(data) > maxSchemaBytes {
		return nil, fmt.Errorf("it has %d bytes, must have at most %d", len(data), maxSchemaBytes)
	}
	return parseSchema("", data, 0)
}

var typeNames = []string{"object", "array", "string", "number", "integer", "boolean", "null"}

func parseSchema(path string, data []byte, depth int) (*Schema, error) {
	s := &Schema{least: math.Inf(-1), most: math.Inf(1), above: math.Inf(-1), below: math.Inf(1), greatest: math.Inf(1), longest: math.Inf(1)}
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("%s is nested more than %d deep", path, maxSchemaDepth)
	}
	var yes bool
	if json.Unmarshal(data, &yes) == nil && string(bytes.TrimSpace(data)) != "null" {
		s.anything, s.nothing = yes, !yes
		return s, nil
	}
	var words map[string]json.RawMessage
	if json.Unmarshal(data, &words) != nil || words == nil {
		return nil, fmt.Errorf("%s must be an object, true or false", at(path, ""))
	}
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if err := s.read(path, word, words[word], depth); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// at is the place of a word in a schema, for people.
func at(path, word string) string {
	if name := strings.Trim(path+"."+word, "."); name != "" {
		return name
	}
	return "it"
}

var errWord = errors.New("is not as a schema has it")

// read takes one word of a schema.
func (s *Schema) read(path, word string, data json.RawMessage, depth int) error {
	path = at(path, word)
	var err error
	switch word {
	case "type":
		err = s.readTypes(data)
	case "enum":
		err = json.Unmarshal(data, &s.values)
		if s.values == nil {
			err = errWord
		}
	case "const":
		var v any
		err = json.Unmarshal(data, &v)
		s.values = []any{v}
	case "properties":
		var properties map[string]json.RawMessage
		if err = json.Unmarshal(data, &properties); err == nil {
			s.properties = map[string]*Schema{}
			for _, name := range slices.Sorted(maps.Keys(properties)) {
				if s.properties[name], err = parseSchema(path+"."+name, properties[name], depth+1); err != nil {
					return err
				}
			}
		}
	case "required":
		err = json.Unmarshal(data, &s.required)
	case "additionalProperties":
		s.additional, err = parseSchema(path, data, depth+1)
		return err
	case "items":
		s.items, err = parseSchema(path, data, depth+1)
		return err
	case "anyOf", "allOf":
		return s.readList(path, word, data, depth)
	case "pattern":
		var pattern string
		if err = json.Unmarshal(data, &pattern); err == nil {
			s.pattern, err = regexp.Compile(pattern)
		}
	case "title", "description", "default", "examples", "$schema", "$id":
	default:
		to := s.bound(word)
		if to == nil {
			return fmt.Errorf("%s is not a word that is known here", path)
		}
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		return fmt.Errorf("%s is not as a schema has it", path)
	}
	return nil
}

// bound is where the number of a word goes.
func (s *Schema) bound(word string) *float64 {
	return map[string]*float64{
		"minimum": &s.least, "maximum": &s.most, "exclusiveMinimum": &s.above, "exclusiveMaximum": &s.below,
		"minItems": &s.fewest, "maxItems": &s.greatest, "minLength": &s.shortest, "maxLength": &s.longest,
	}[word]
}

func (s *Schema) readTypes(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		s.types = []string{one}
	} else if err := json.Unmarshal(data, &s.types); err != nil || len(s.types) == 0 {
		return errWord
	}
	for _, t := range s.types {
		if !slices.Contains(typeNames, t) {
			return errWord
		}
	}
	return nil
}

func (s *Schema) readList(path, word string, data []byte, depth int) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil || len(list) == 0 {
		return fmt.Errorf("%s is not as a schema has it", path)
	}
	to := map[string]*[]*Schema{"anyOf": &s.anyOf, "allOf": &s.allOf}[word]
	for i, each := range list {
		one, err := parseSchema(fmt.Sprintf("%s[%d]", path, i), each, depth+1)
		if err != nil {
			return err
		}
		*to = append(*to, one)
	}
	return nil
}

// accepts tells whether an answer is JSON by the schema: what is in its box, or all of it.
func (s *Schema) accepts(text string) bool {
	text = said(text)
	if data, ok := answer.JSON(text); ok {
		text = string(data)
	}
	var v any
	return json.Unmarshal([]byte(text), &v) == nil && s.Allows(v)
}

// Allows tells whether a value, as encoding/json decodes it, is by the schema.
func (s *Schema) Allows(v any) bool {
	if s.nothing || s.anything {
		return s.anything
	}
	if len(s.types) > 0 && !slices.ContainsFunc(s.types, func(t string) bool { return is(v, t) }) {
		return false
	}
	if s.values != nil && !slices.ContainsFunc(s.values, func(w any) bool { return same(v, w) }) {
		return false
	}
	if s.anyOf != nil && !slices.ContainsFunc(s.anyOf, func(each *Schema) bool { return each.Allows(v) }) {
		return false
	}
	if slices.ContainsFunc(s.allOf, func(each *Schema) bool { return !each.Allows(v) }) {
		return false
	}
	switch v := v.(type) {
	case float64:
		return v >= s.least && v <= s.most && v > s.above && v < s.below
	case string:
		length := float64(utf8.RuneCountInString(v))
		return length >= s.shortest && length <= s.longest && (s.pattern == nil || s.pattern.MatchString(v))
	case []any:
		count := float64(len(v))
		return count >= s.fewest && count <= s.greatest &&
			(s.items == nil || !slices.ContainsFunc(v, func(each any) bool { return !s.items.Allows(each) }))
	case map[string]any:
		return s.allowsObject(v)
	}
	return true
}

func (s *Schema) allowsObject(v map[string]any) bool {
	for _, name := range s.required {
		if _, ok := v[name]; !ok {
			return false
		}
	}
	for name, value := range v {
		each, known := s.properties[name]
		if !known {
			each = s.additional
		}
		if each != nil && !each.Allows(value) {
			return false
		}
	}
	return true
}

func is(v any, t string) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case float64:
		return t == "number" || t == "integer" && v == math.Trunc(v)
	case []any:
		return t == "array"
	}
	return t == "object"
}

// same compares values of JSON: encoding/json writes an object's keys in order.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
