package answer

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
)

// A Rational is a fraction of int64 in lowest terms with a positive denominator; its zero value is not one. Its operations
// report false where the result does not fit.
type Rational struct{ num, den int64 }

// Whole is a whole number.
func Whole(n int64) Rational { return Rational{n, 1} }

// NewRational is num/den; false for a division by zero, and for what int64 cannot hold.
func NewRational(num, den int64) (Rational, bool) {
	if den == 0 || num == math.MinInt64 || den == math.MinInt64 {
		return Rational{}, false
	}
	if den < 0 {
		num, den = -num, -den
	}
	a, b := max(num, -num), den
	for b != 0 {
		a, b = b, a%b
	}
	return Rational{num / a, den / a}, true
}

// multiply is a*b; false if it overflows.
func multiply(a, b int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	if high != 0 || low > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// Add is r+s.
func (r Rational) Add(s Rational) (Rational, bool) {
	a, ok1 := multiply(r.num, s.den)
	b, ok2 := multiply(s.num, r.den)
	den, ok3 := multiply(r.den, s.den)
	sum := a + b
	if !ok1 || !ok2 || !ok3 || (a > 0) == (b > 0) && (sum > 0) != (a > 0) && a != 0 && b != 0 {
		return Rational{}, false
	}
	return NewRational(sum, den)
}

// Negative is -r.
func (r Rational) Negative() Rational { return Rational{-r.num, r.den} }

// Multiply is r*s.
func (r Rational) Multiply(s Rational) (Rational, bool) {
	num, ok1 := multiply(r.num, s.num)
	den, ok2 := multiply(r.den, s.den)
	if !ok1 || !ok2 {
		return Rational{}, false
	}
	return NewRational(num, den)
}

// Divide is r/s; false for a division by zero as well.
func (r Rational) Divide(s Rational) (Rational, bool) {
	inverse, ok := NewRational(s.den, s.num)
	if !ok {
		return Rational{}, false
	}
	return r.Multiply(inverse)
}

// String is the value: 3, -7/2.
func (r Rational) String() string {
	text := strconv.FormatInt(r.num, 10)
	if r.den != 1 {
		text += "/" + strconv.FormatInt(r.den, 10)
	}
	return text
}

// plainNumber is a decimal or a fraction of decimals, without blanks; thousands may be set apart by commas.
var plainNumber = regexp.MustCompile(`^([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?)(?:/([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?))?$`)

// ParseRational reads a single number without blanks: 1,000, -0.5, 3/4; false if the text is something else, or does not fit.
func ParseRational(text string) (Rational, bool) {
	m := plainNumber.FindStringSubmatch(text)
	if m == nil {
		return Rational{}, false
	}
	r, ok := parseDecimal(m[1])
	if !ok || m[2] == "" {
		return r, ok
	}
	den, ok := parseDecimal(m[2])
	if !ok {
		return r, false
	}
	return r.Divide(den)
}

func parseDecimal(text string) (Rational, bool) {
	text = strings.ReplaceAll(text, ",", "")
	whole, part, _ := strings.Cut(text, ".")
	part = strings.TrimRight(part, "0")
	if strings.Trim(text, "+-.") == "" || len(part) > 18 {
		return Rational{}, false
	}
	num, err := strconv.ParseInt(whole+part, 10, 64)
	if err != nil {
		return Rational{}, false
	}
	den := int64(1)
	for range part {
		den *= 10
	}
	return NewRational(num, den)
}

var decimal = regexp.MustCompile(`^([-+]?)(\d+)(?:\.(\d*))?$`)

// longNumber writes a decimal too long for a Rational in one way: its digits without zeros that say nothing.
func longNumber(text string) (string, bool) {
	m := decimal.FindStringSubmatch(strings.ReplaceAll(text, ",", ""))
	if m == nil {
		return "", false
	}
	sign, whole, part := strings.TrimPrefix(m[1], "+"), strings.TrimLeft(m[2], "0"), strings.TrimRight(m[3], "0")
	if whole == "" {
		whole = "0"
	}
	if part != "" {
		part = "." + part
	}
	return sign + whole + part, true
}
