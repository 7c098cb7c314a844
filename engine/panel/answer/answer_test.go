package answer_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/panel/answer"
)

func TestKey(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a box":                          {`so \boxed{42}`, "42"},
		"the last box":                   {`\boxed{1} no, \boxed{2}`, "2"},
		"braces within":                  {`\boxed{\frac{1}{2}}`, "1/2"},
		"a box that is open":             {`\boxed{7} and \boxed{8`, "7"},
		"a box in a box":                 {`\boxed{\boxed{3}}`, "3"},
		"stray braces":                   {`} { \boxed{3}} {`, "3"},
		"digits between blanks":          {`\boxed{1 2 3}`, "1 2 3"},
		"an empty box":                   {`\boxed{7} and \boxed{ }`, "7"},
		"no box at all":                  {`\boxed`, ""},
		"a blank before":                 {`\boxed {5}`, "5"},
		"escaped braces":                 {`\boxed{\{1, 2\}}`, `\{1,2\}`},
		"decimals":                       {`\boxed{0.50}`, "1/2"},
		"without a zero":                 {`\boxed{.5}`, "1/2"},
		"a point at the end":             {`\boxed{5.}`, "5"},
		"fractions":                      {`\boxed{-\dfrac{6}{4}}`, "-3/2"},
		"short fractions":                {`\boxed{\frac12}`, "1/2"},
		"a bar":                          {`\boxed{6 / 4}`, "3/2"},
		"thousands":                      {`\boxed{1,234,567}`, "1234567"},
		"thousands in LaTeX":             {`\boxed{1{,}000}`, "1000"},
		"a list is no number":            {`\boxed{18, 30, 55}`, "18,30,55"},
		"a list of long numbers":         {`\boxed{100, 200}`, "100,200"},
		"two numbers":                    {`\boxed{1 2}`, "1 2"},
		"a named letter, and why":        {"The answer is B because 4 > 3", "B"},
		"money":                          {`\boxed{\$12.00}`, "12"},
		"per cent":                       {`\boxed{40\%}`, "40"},
		"minus signs":                    {`\boxed{−3}`, "-3"},
		"leading zeros":                  {`\boxed{007}`, "7"},
		"minus nothing":                  {`\boxed{-0}`, "0"},
		"a division by zero":             {`\boxed{1/0}`, "1/0"},
		"an unknown":                     {`\boxed{x = 5}`, "5"},
		"outer brackets":                 {`\boxed{((2 + 3) * 4)}`, "(2+3)*4"},
		"brackets that are not outer":    {`\boxed{(2+3)*(4+1)}`, "(2+3)*(4+1)"},
		"signs of multiplication":        {`\boxed{2 \times 3 ÷ 4}`, "2*3/4"},
		"expressions of one value":       {`\boxed{3 * 2}`, "3*2"},
		"words":                          {`\boxed{\text{Thursday}}`, "Thursday"},
		"names of quantities":            {`\boxed{X}`, "X"},
		"a remainder":                    {`\boxed{1162 remainder 4}`, "1162 remainder 4"},
		"more than int64":                {`\boxed{0123456789012345678901234567890.50}`, "123456789012345678901234567890.5"},
		"a number in words":              {"There are 12 and 30 left.", "30"},
		"a number that is negative":      {"It is -4.5 degrees", "-9/2"},
		"a number with thousands":        {"That makes 1,500.", "1500"},
		"a number of a refusal":          {"I looked for a way to make 27 and did not find one.", ""},
		"a refusal before":               {"I cannot draw. The sum is 27.", "27"},
		"a named letter":                 {"The answer is (C), since 4 > 3.", "C"},
		"a named letter in bold":         {"Answer: **B**", "B"},
		"a letter alone":                 {"Let me see: 3.\nD", "D"},
		"a letter alone with a bracket":  {"(A)", "A"},
		"no letter":                      {"The answer is A lot of 3 things", "3"},
		"JSON":                           {`{"b": 1.0, "a": [2, true]}`, `{"a":[2,true],"b":1.0}`},
		"JSON in a fence":                {"```json\n{\"a\": 1}\n```", `{"a":1}`},
		"JSON that is broken":            {`{"a": 1`, "1"},
		"nothing":                        {"I looked and did not find one.", ""},
		"empty":                          {"", ""},
		"white space in a box, no digit": {"\\boxed{\n}", ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, answer.Key(c.text)) })
	}
}

// A Rational gives what big.Rat gives, or says that it cannot.
func TestRationalAgainstBig(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	of := func() (answer.Rational, *big.Rat) {
		num, den := random.Int64()>>random.IntN(63), 1+random.Int64()>>random.IntN(63)
		if random.IntN(2) == 0 {
			num = -num
		}
		r, ok := answer.NewRational(num, den)
		require.True(t, ok)
		return r, big.NewRat(num, den)
	}
	fits := 0
	for range 20000 {
		a, bigA := of()
		b, bigB := of()
		for name, c := range map[string]struct {
			do   func(answer.Rational) (answer.Rational, bool)
			want func() *big.Rat
		}{
			"+": {a.Add, func() *big.Rat { return new(big.Rat).Add(bigA, bigB) }},
			"*": {a.Multiply, func() *big.Rat { return new(big.Rat).Mul(bigA, bigB) }},
			"/": {a.Divide, func() *big.Rat { return new(big.Rat).Quo(bigA, bigB) }},
		} {
			if name == "/" && bigB.Sign() == 0 {
				_, ok := c.do(b)
				require.False(t, ok, "a division by zero")
				continue
			}
			if got, ok := c.do(b); ok {
				fits++
				require.Equal(t, c.want().RatString(), got.String(), "%s %s %s", a, name, b)
			}
		}
	}
	require.Greater(t, fits, 10000)
}

func TestEvaluate(t *testing.T) {
	for _, c := range []struct {
		text, value string
		numbers     int
	}{
		{"14 * 6 + (9 + 79 - (73 - 18))", "117", 6},
		{"8/3*3", "8", 3},
		{"1 - 2 - 3", "-4", 3},
		{"2 \\times (3 + 4)", "14", 3},
		{"-(2 - 5)", "3", 2},
		{"1.5 + .5", "2", 2},
		{"12 ÷ 5", "12/5", 2},
	} {
		value, numbers, ok := answer.Evaluate(c.text)
		require.True(t, ok, c.text)
		require.Equal(t, c.value, value.String(), c.text)
		require.Len(t, numbers, c.numbers, c.text)
	}
	for _, text := range []string{"", "()", "1 +", "1 2 +", "(1", "1)", "1/0", "1/(2-2)", "x + 1", "1..2", strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), strings.Repeat("-", 100000) + "1"} {
		_, _, ok := answer.Evaluate(text)
		require.False(t, ok, "%.40s", text)
	}
}

// FuzzKey holds what is so for every text: the key of a box with the key in it is the key again, as long as that is a box.
func FuzzKey(f *testing.F) {
	for _, text := range []string{`\boxed{1/2}`, `\boxed{{}`, `\boxed{\}`, "The answer is B", "```json\n[1]```", "1,000.50", `\boxed{(((1)))}`, "\\boxed{\xff}", `\boxed{\frac{1}{2}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key := answer.Key(text)
		if box, ok := answer.Boxed(text); ok {
			require.Contains(t, text, box)
			require.NotEmpty(t, strings.TrimSpace(box))
		}
		if r, ok := answer.ParseRational(key); ok {
			require.Equal(t, key, answer.Key(fmt.Sprintf(`\boxed{%s}`, r)))
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for _, text := range []string{"1+2*3", "(1", "1/0", "-(-1)", "9223372036854775807+1", "1.5*2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, numbers, ok := answer.Evaluate(text)
		if !ok {
			return
		}
		require.NotEmpty(t, numbers)
		again, _, ok := answer.Evaluate("(" + text + ")")
		require.True(t, ok)
		require.Equal(t, value, again)
	})
}
