package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxRequestBytes is the longest request that is read: the ids of 163,840 tokens and their text are shorter.
const MaxRequestBytes = 2 << 20

// ParseRequest reads a request and validates it. Unknown fields and fields of another type are refused by name; null
// counts as absent. One that is too long is context_full: no context holds it. Whatever is wrong with the rest, the request's ID is there if its field is right.
func ParseRequest(data []byte) (Request, error) {
	var r Request
	if len(data) > MaxRequestBytes {
		return r, Errorf(ContextFull, "the request has %d bytes, must have at most %d", len(data), MaxRequestBytes)
	}
	fields, err := object("", data)
	if err != nil {
		return r, Errorf(BadRequest, "the request%w", err)
	}
	if id, ok := fields["id"]; ok { // first: every other failure is reported by it
		if err := decode("id", id, reflect.ValueOf(&r.ID).Elem(), Field{Type: reflect.TypeFor[uint32](), Max: math.MaxUint32}); err != nil {
			return r, err
		}
	}
	if err := decodeFields("", fields, reflect.ValueOf(&r).Elem()); err != nil {
		return r, err
	}
	if s := r.Params.Strategy; s != nil && s.N == nil {
		s.N, r.Params.N = r.Params.N, nil
	}
	return r, r.Validate()
}

// ParseMessages reads a conversation as a request has it.
func ParseMessages(data []byte) ([]Message, error) {
	r := Request{Type: Chat}
	if err := decode("messages", data, reflect.ValueOf(&r.Messages).Elem(), Field{}); err != nil {
		return nil, err
	}
	return r.Messages, r.Validate()
}

// ParseOptions reads the options of opening a model.
func ParseOptions(data []byte) (Options, error) {
	var o Options
	if len(data) == 0 {
		return o, nil
	}
	fields, err := object("", data)
	if err != nil {
		return o, Errorf(BadRequest, "options%w", err)
	}
	return o, decodeFields("", fields, reflect.ValueOf(&o).Elem())
}

// object takes a JSON object apart.
func object(path string, data []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, mustBe(path, data, "an object")
	}
	return fields, nil
}

// unsupported says why parameters of OpenAI's are refused.
var unsupported = map[string]string{
	"tools":               "the models here call no tools",
	"tool_choice":         "the models here call no tools",
	"parallel_tool_calls": "the models here call no tools",
	"functions":           "the models here call no functions",
	"function_call":       "the models here call no functions",
	"audio":               "the models here write text only",
	"modalities":          "the models here write text only",
	"store":               "nothing is stored",
	"web_search_options":  "nothing is searched",
	"tool_calls":          "the models here call no tools",
	"tool_call_id":        "the models here call no tools",
	"name":                "the models' formats do not tell speakers apart by name",
	"refusal":             "the models here have no such field",
}

// decodeFields sets a struct's fields. Those in the paths of errors have prefix before their names.
func decodeFields(prefix string, from map[string]json.RawMessage, to reflect.Value) error {
	known := 0
	for _, f := range Fields(to.Type()) {
		data, ok := from[f.Name]
		if !ok {
			continue
		}
		known++
		if err := decode(prefix+f.Name, data, to.FieldByIndex(f.index), f); err != nil {
			return err
		}
	}
	if known == len(from) {
		return nil
	}
	return checkUnknown(prefix, from, to.Type())
}

// checkUnknown refuses the first field, in the order of names, that a struct does not have.
func checkUnknown(prefix string, from map[string]json.RawMessage, t reflect.Type) error {
	has := map[string]bool{}
	for _, f := range Fields(t) {
		has[f.Name] = true
	}
	first := ""
	for name, data := range from {
		_, foreseen := unsupported[name]
		switch {
		case has[name] || foreseen && isNull(data):
		case name == "response_format" && isPlainText(data):
		case first == "" || name < first:
			first = name
		}
	}
	if first == "" {
		return nil
	}
	if why, ok := unsupported[first]; ok {
		return Refuse(prefix+first, "is not supported: %s", why)
	}
	if first == "response_format" {
		return Refuse(first, `is %s, only {"type":"text"} is supported`, show(from[first]))
	}
	return Refuse(prefix+label(first), "is not a field that is known here")
}

// label is a field's name as it came, on one short line.
func label(name string) string {
	if quoted := strconv.Quote(name); len(name) > 40 || quoted != `"`+name+`"` {
		return show([]byte(quoted))
	}
	return name
}

func isPlainText(data []byte) bool {
	var format struct{ Type string }
	return isNull(data) || json.Unmarshal(data, &format) == nil && format.Type == "text"
}

func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }

// A reader is a type whose JSON is not its Go type's.
type reader interface {
	read(path string, data []byte) error
}

// decode sets a value that is not null. What it holds of numbers is checked against the field's bounds, because a number
// past its Go type's must not come to be another.
func decode(path string, data []byte, to reflect.Value, f Field) error {
	if isNull(data) {
		return nil
	}
	if r, ok := to.Addr().Interface().(reader); ok {
		return r.read(path, data)
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return decode(path, data, to.Elem(), f)
	case reflect.Bool:
		return decodeAs(path, data, to, "true or false")
	case reflect.String:
		return decodeAs(path, data, to, "text")
	case reflect.Int, reflect.Uint32, reflect.Float64:
		return decodeNumber(path, data, to, f)
	case reflect.Slice:
		return decodeList(path, data, to, f)
	case reflect.Map:
		return decodeMap(path, data, to, f)
	case reflect.Struct:
		fields, err := object(path, data)
		if err != nil {
			return err
		}
		prefix := path + "."
		if path == "params" { // callers know them by their own names
			prefix = ""
		}
		return decodeFields(prefix, fields, to)
	}
	panic("no field is a " + to.Kind().String())
}

func decodeAs(path string, data []byte, to reflect.Value, want string) error {
	if json.Unmarshal(data, to.Addr().Interface()) != nil {
		return mustBe(path, data, want)
	}
	return nil
}

func decodeNumber(path string, data []byte, to reflect.Value, f Field) error {
	v, err := strconv.ParseFloat(string(bytes.TrimSpace(data)), 64)
	if err != nil || v < f.Min || v > f.Max || f.Integer() && v != math.Trunc(v) {
		return mustBe(path, data, f.Range())
	}
	switch to.Kind() {
	case reflect.Float64:
		to.SetFloat(v)
	case reflect.Uint32:
		to.SetUint(uint64(v))
	default:
		to.SetInt(int64(min(v, math.MaxInt32))) // no count here can be reached beyond it
	}
	return nil
}

func decodeList(path string, data []byte, to reflect.Value, f Field) error {
	if ids, ok := to.Addr().Interface().(*[]int); ok && decodeIDs(data, ids) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		return mustBe(path, data, "a list")
	}
	to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
	for i, each := range list {
		if isNull(each) {
			return mustBe(at(path, i), each, "there")
		}
		if err := decode(at(path, i), each, to.Index(i), f); err != nil {
			return err
		}
	}
	return nil
}

// decodeIDs is a short way for long lists of ids. It gives up on whatever is to be refused by name.
func decodeIDs(data []byte, to *[]int) bool {
	if bytes.Contains(data, []byte("null")) || json.Unmarshal(data, to) != nil {
		return false
	}
	return !slices.ContainsFunc(*to, func(id int) bool { return id < 0 })
}

// decodeMap reads an object of ids and numbers, or of texts.
func decodeMap(path string, data []byte, to reflect.Value, f Field) error {
	fields, err := object(path, data)
	if err != nil {
		return err
	}
	to.Set(reflect.MakeMap(to.Type()))
	for name, each := range fields {
		key := reflect.New(to.Type().Key()).Elem()
		if key.Kind() == reflect.Int {
			id, err := strconv.ParseInt(name, 10, 32)
			if err != nil || id < 0 {
				return Refuse(path, "has the key %s, must have ids of tokens", label(name))
			}
			key.SetInt(id)
		} else {
			key.SetString(name)
		}
		if isNull(each) {
			return Refuse(path+"["+label(name)+"]", "is null, must be there")
		}
		value := reflect.New(to.Type().Elem()).Elem()
		if err := decode(path+"["+label(name)+"]", each, value, f); err != nil {
			return err
		}
		to.SetMapIndex(key, value)
	}
	return nil
}

func (s *Stop) read(path string, data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Stop{one}
		return nil
	}
	var list []string
	if json.Unmarshal(data, &list) != nil {
		return mustBe(path, data, fmt.Sprintf("text or a list of up to %d texts", MaxStops))
	}
	*s = list
	return nil
}

func (d *Depth) read(path string, data []byte) error {
	var word string
	if json.Unmarshal(data, &word) != nil {
		word = string(data)
	} else if _, err := strconv.Atoi(word); err == nil {
		return mustBe(path, data, depths) // a number in quotes
	}
	if d.Set(word) != nil {
		return mustBe(path, data, depths)
	}
	return nil
}

var depths = fmt.Sprintf("off, auto, or an integer from 0 to %d", MaxDepth)

// Set reads a depth as people write it.
func (d *Depth) Set(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case text == "off":
		*d = 0
	case text == "auto":
		*d = AutoDepth
	case err != nil || n < 0 || n > MaxDepth:
		return errors.New("must be " + depths)
	default:
		*d = Depth(n)
	}
	return nil
}

// MarshalJSON writes auto as what it is read from.
func (d Depth) MarshalJSON() ([]byte, error) {
	if d == AutoDepth {
		return []byte(`"auto"`), nil
	}
	return strconv.AppendInt(nil, int64(d), 10), nil
}

func (t *Thinking) read(path string, data []byte) error {
	if json.Unmarshal(data, (*bool)(t)) == nil {
		return nil
	}
	var deepSeek struct{ Type string }
	if json.Unmarshal(data, &deepSeek) == nil && (deepSeek.Type == "enabled" || deepSeek.Type == "disabled") {
		*t = deepSeek.Type == "enabled"
		return nil
	}
	return mustBe(path, data, `true, false, {"type":"enabled"} or {"type":"disabled"}`)
}

// read joins the text parts of a message's content.
func (m *Message) read(path string, data []byte) error {
	fields, err := object(path, data)
	if err != nil {
		return err
	}
	content, ok := fields["content"]
	if !ok {
		return Refuse(path+".content", "is missing, must be text or a list of text parts")
	}
	delete(fields, "content")
	type plain Message // without this method
	if err := decodeFields(path+".", fields, reflect.ValueOf((*plain)(m)).Elem()); err != nil {
		return err
	}
	if json.Unmarshal(content, &m.Content) == nil && !isNull(content) {
		return nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(content, &parts) != nil || parts == nil {
		return mustBe(path+".content", content, "text or a list of text parts")
	}
	for i, data := range parts {
		text, err := readPart(at(path+".content", i), data)
		if err != nil {
			return err
		}
		m.Content += text
	}
	return nil
}

func readPart(path string, data []byte) (string, error) {
	var part struct{ Type, Text *string }
	switch {
	case json.Unmarshal(data, &part) != nil || part.Type == nil:
		return "", mustBe(path, data, `a part such as {"type":"text","text":"…"}`)
	case *part.Type != "text":
		return "", Refuse(path+".type", "is %q, only text is supported", *part.Type)
	case part.Text == nil:
		return "", Refuse(path+".text", "is missing")
	}
	return *part.Text, nil
}

// mustBe says what a field is and what it must be.
func mustBe(path string, data []byte, want string) error {
	return Refuse(path, "is %s, must be %s", show(data), want)
}

// show is a JSON value on one short line.
func show(data []byte) string {
	const most = 40
	var line bytes.Buffer
	if json.Compact(&line, data) != nil {
		return "not JSON"
	}
	text := line.Bytes()
	if len(text) <= most {
		return string(text)
	}
	text = text[:most]
	for !utf8.Valid(text) {
		text = text[:len(text)-1]
	}
	return string(text) + "…"
}
