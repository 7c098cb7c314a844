package message

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// A Field is a field of a struct, as its tags describe it.
type Field struct {
	Name     string // in JSON
	Type     reflect.Type
	Min, Max float64 // of a number, or of each in a list or map; infinite where there is no bound
	index    []int
}

// Fields lists the fields that a struct has in JSON, those of embedded structs among them.
func Fields(t reflect.Type) []Field {
	var list []Field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" {
			continue
		}
		list = append(list, Field{name, f.Type, bound(f.Tag, "min", -1), bound(f.Tag, "max", 1), f.Index})
	}
	return list
}

func bound(tag reflect.StructTag, name string, sign int) float64 {
	text, ok := tag.Lookup(name)
	if !ok {
		return math.Inf(sign)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("tag %s: %v", name, err))
	}
	return v
}

// Param is the field of Params with a name. It panics if there is none: names are constants of the program.
func Param(name string) Field { return fieldOf[Params](name) }

// StrategyField is the field of Strategy with a name, in the same way.
func StrategyField(name string) Field { return fieldOf[Strategy](name) }

func fieldOf[T any](name string) Field {
	for _, f := range Fields(reflect.TypeFor[T]()) {
		if f.Name == name {
			return f
		}
	}
	panic("no parameter " + name)
}

// Integer tells whether the number, or each in the list or map, is to be whole.
func (f Field) Integer() bool {
	t := f.Type
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t.Kind() != reflect.Float64
}

// Range says what the number may be: "an integer from 1 on".
func (f Field) Range() string {
	kind := "a number"
	if f.Integer() {
		kind = "an integer"
	}
	switch low, high := !math.IsInf(f.Min, 0), !math.IsInf(f.Max, 0); {
	case low && high:
		return fmt.Sprintf("%s from %s to %s", kind, number(f.Min), number(f.Max))
	case low:
		return fmt.Sprintf("%s from %s on", kind, number(f.Min))
	}
	return kind
}

// Check refuses a number that the field may not be.
func (f Field) Check(v float64) error {
	if v >= f.Min && v <= f.Max && (!f.Integer() || v == math.Trunc(v)) {
		return nil
	}
	return Refuse(f.Name, "is %s, must be %s", number(v), f.Range())
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
