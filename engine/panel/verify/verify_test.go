package verify_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/message"
	"tabseek/engine/panel/verify"
)

func pointer[T any](v T) *T { return &v }

func TestVerifiers(t *testing.T) {
	kind := func(v message.VerifierType) message.Verifier { return message.Verifier{Type: v} }
	schema := func(s string) message.Verifier {
		return message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(s)}
	}
	pattern := func(p string) message.Verifier { return message.Verifier{Type: message.VerifyRegex, Pattern: p} }
	const person = `{"type":"object","properties":{"name":{"type":"string","minLength":1},"age":{"type":"integer","minimum":0}},"required":["name","age"],"additionalProperties":false}`
	for name, c := range map[string]struct {
		verifier     message.Verifier
		question     string
		right, wrong []string
	}{
		"arithmetic": {kind(message.VerifyArithmetic), "What is 14 * 6 + (9 + 79 - (73 - 18))?",
			[]string{`\boxed{117}`, "It is 117.", `\boxed{117.0}`}, []string{`\boxed{118}`, "", `\boxed{14 * 6 + 33}`}},
		"arithmetic with a fraction": {kind(message.VerifyArithmetic), "Compute 7 ÷ 2.", []string{`\boxed{3.5}`, `\boxed{\frac{7}{2}}`}, []string{`\boxed{3}`}},
		"the longest expression":     {kind(message.VerifyArithmetic), "In 2 steps: 3 + 4 × 2 = ?", []string{`\boxed{11}`}, []string{`\boxed{2}`}},
		"countdown": {message.Verifier{Type: message.VerifyCountdown, Numbers: []int{3, 6, 12}, Target: pointer(24)}, "",
			[]string{`\boxed{12 * 6 / 3}`, `\boxed{(6/3)*12}`, `\boxed{12 * 6 / 3 = 24}`, "12*6/3"},
			[]string{`\boxed{12 + 12}`, `\boxed{12 * 6 / 3 * 1}`, `\boxed{24}`, `\boxed{12 * 6 / 3 = 25}`, `\boxed{12 * 2}`, "", `\boxed{6 + 12 + 3}`}},
		"countdown of the question": {kind(message.VerifyCountdown), "Make 78 from 8, 47, 29, 3, using each number once.",
			[]string{`\boxed{3 * (8 + 47 - 29)}`}, []string{`\boxed{78}`, `\boxed{47 + 29}`}},
		"countdown with a target":  {kind(message.VerifyCountdown), "Countdown: 8, 12, 5, 16. Target 17.", []string{`\boxed{(5 - (12 - 8)) + 16}`}, []string{`\boxed{12 + 5}`}},
		"countdown that uses each": {kind(message.VerifyCountdown), "Use each of 15, 10, 11 and 3 once to reach 65.", []string{`\boxed{(11 - 3) * 10 - 15}`}, []string{`\boxed{65}`}},
		"countdown that reaches":   {kind(message.VerifyCountdown), "Reach 44 with 3, 39, 9 and 11.", []string{`\boxed{39 + 11 - (9 - 3)}`}, []string{`\boxed{44}`}},
		"JSON":                     {schema(person), "", []string{`{"name":"Ann","age":7}`, "```json\n{\"age\": 7, \"name\": \"Ann\"}\n```", `\boxed{{"name":"Ann","age":7}}`}, []string{`{"name":"","age":7}`, `{"name":"Ann"}`, `{"name":"Ann","age":7.5}`, `{"name":"Ann","age":-1}`, `{"name":"Ann","age":7,"x":1}`, "Ann", "[]", ""}},
		"JSON of choices":          {schema(`{"anyOf":[{"enum":["a",{"b":1}]},{"type":"array","items":{"type":["number","null"]},"maxItems":2}]}`), "", []string{`"a"`, `{"b":1}`, `[1,null]`, `[]`}, []string{`"b"`, `[1,2,3]`, `["a"]`, `{"b":2}`}},
		"JSON of bounds":           {schema(`{"allOf":[{"type":"number","exclusiveMinimum":0},{"maximum":10}]}`), "", []string{"10", "0.5"}, []string{"0", "11", `"5"`}},
		"any JSON":                 {schema(`true`), "", []string{"null", "[1]"}, []string{"[1", ""}},
		"a pattern":                {pattern(`\d{4}-\d{2}`), "", []string{`\boxed{2026-11}`, " 2026-11\n"}, []string{"2026-11-25", "x2026-11", ""}},
		"a pattern of choices":     {pattern(`yes|no`), "", []string{"yes", "no"}, []string{"yesno", "no!"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := verify.New(c.verifier, c.question)
			require.NoError(t, err)
			for _, text := range c.right {
				require.True(t, v(text), text)
			}
			for _, text := range c.wrong {
				require.False(t, v(text), text)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		verifier    message.Verifier
		question    string
		param, want string
	}{
		"no expression":    {message.Verifier{Type: message.VerifyArithmetic}, "What is the capital of France in 1999?", "strategy.verifier", "strategy.verifier is arithmetic, but the question has no expression of numbers, + - * / and brackets"},
		"no countdown":     {message.Verifier{Type: message.VerifyCountdown}, "Hello", "strategy.verifier", "strategy.verifier is countdown, but the question has no numbers with a target, such as: make 24 from 3, 6 and 12"},
		"a broken pattern": {message.Verifier{Type: message.VerifyRegex, Pattern: `a)|(b`}, "", "strategy.verifier.pattern", "strategy.verifier.pattern is no regular expression: error parsing regexp: unexpected ): `a)|(b`"},
		"a long pattern":   {message.Verifier{Type: message.VerifyRegex, Pattern: strings.Repeat("a", 5000)}, "", "strategy.verifier.pattern", "strategy.verifier.pattern has 5000 bytes, must have at most 4096"},
		"no schema":        {message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(`"x"`)}, "", "strategy.verifier.schema", "strategy.verifier.schema is no schema that is known here: it must be an object, true or false"},
		"an unknown word":  {message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(`{"properties":{"a":{"$ref":"#"}}}`)}, "", "strategy.verifier.schema", "strategy.verifier.schema is no schema that is known here: properties.a.$ref is not a word that is known here"},
		"an unknown type":  {message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(`{"type":"float"}`)}, "", "strategy.verifier.schema", "strategy.verifier.schema is no schema that is known here: type is not as a schema has it"},
		"a deep schema":    {message.Verifier{Type: message.VerifyJSON, Schema: message.Schema(strings.Repeat(`{"items":`, 50) + "true" + strings.Repeat("}", 50))}, "", "strategy.verifier.schema", "strategy.verifier.schema is no schema that is known here: " + strings.Repeat("items.", 32) + "items is nested more than 32 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify.New(c.verifier, c.question)
			require.EqualError(t, err, c.want)
			var coded *message.Error
			require.True(t, errors.As(err, &coded))
			require.Equal(t, message.BadRequest, coded.Code)
			require.Equal(t, c.param, coded.Param)
		})
	}
}

// A schema that is read never panics, whatever the value.
func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"string","pattern":"x"}},"required":["a"]}`, `{"a":"x"}`)
	f.Add(`{"enum":[1,null],"minimum":1}`, `1`)
	f.Add(`{"anyOf":[true,{"items":false}]}`, `[[]]`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		s, err := verify.ParseSchema([]byte(schema))
		if err != nil {
			require.Nil(t, s)
			return
		}
		var v any
		if json.Unmarshal([]byte(value), &v) == nil {
			require.Equal(t, s.Allows(v), s.Allows(v))
		}
	})
}

// What a question spells never panics, and a countdown read from it has numbers.
func FuzzQuestion(f *testing.F) {
	f.Add("Make 24 from 3, 6 and 12", `\boxed{12*6/3}`)
	f.Add("2+(3", "5")
	f.Fuzz(func(t *testing.T, question, text string) {
		for _, kind := range []message.VerifierType{message.VerifyArithmetic, message.VerifyCountdown} {
			if v, err := verify.New(message.Verifier{Type: kind}, question); err == nil {
				require.Equal(t, v(text), v(text))
			}
		}
	})
}
