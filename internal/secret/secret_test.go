package secret_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	texttemplate "text/template"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"jali/internal/canary"
	"jali/internal/secret"
)

const plain = "6222021234567890123"

type account struct {
	Name   string
	Number secret.Value
	hidden secret.Value
}

type attribute struct {
	Number secret.Value `xml:"number,attr"`
}

type embedding struct{ secret.Value }

type failure struct{ Number secret.Value }

func (f failure) Error() string { return fmt.Sprintf("no answer for %v", f.Number) }

// holders are the ways in which a secret lies in something else.
func holders() map[string]any {
	v := secret.Of(plain)
	a := account{"card", v, v}
	return map[string]any{
		"itself": v, "a pointer": &v, "a struct": a, "a pointer to a struct": &a,
		"a slice": []secret.Value{v}, "a slice of any": []any{v, &v, a}, "an array": [2]secret.Value{v, v},
		"a map's value": map[string]secret.Value{"k": v}, "a map's key": map[*secret.Value]int{&v: 1}, "a map of any": map[string]any{"k": []any{a}},
		"an interface": struct{ Any any }{v}, "an embedding struct": embedding{v}, "unexported alone": struct{ v secret.Value }{v},
		"an error": failure{v}, "a wrapped error": fmt.Errorf("so: %w", failure{v}),
		"an xml attribute": attribute{v}, "a func": func() secret.Value { return v }, "a channel": make(chan secret.Value),
	}
}

// printers are the ways in which a holder may be shown. They answer what they
// have written, also where they fail.
func printers() map[string]func(v any) string {
	p := map[string]func(any) string{}
	for verb := range strings.SplitSeq("v +v #v s +s q #q x X #x d o b c U t e g f w p T y !", " ") {
		p["%"+verb] = func(v any) string { return fmt.Sprintf("%"+verb, v) }
		p["%080."+verb] = func(v any) string { return fmt.Sprintf("%-80.70"+verb, v) }
	}
	p["one too many"] = func(v any) string { return fmt.Sprintf("%[2]d", v, 1) + fmt.Sprintf(strings.ToLower("NONE"), v) }
	p["as a width"] = func(v any) string { return fmt.Sprintf("%[1]*[1]d", v) }
	p["Println"] = func(v any) string { return fmt.Sprintln(v) }
	p["Errorf"] = func(v any) string { return fmt.Errorf("wrapped: %v", v).Error() }
	p["log"] = func(v any) string {
		var b bytes.Buffer
		log.New(&b, "", 0).Print(v)
		return b.String()
	}
	encode := func(name string, f func(any) ([]byte, error)) {
		p[name] = func(v any) (out string) {
			defer func() {
				if p := recover(); p != nil { // some do so of a func, a channel or a type without a name
					out = fmt.Sprint(p)
				}
			}()
			b, err := f(v)
			return string(b) + fmt.Sprint(err)
		}
	}
	encode("json", json.Marshal)
	encode("xml", xml.Marshal)
	encode("yaml", func(v any) ([]byte, error) { return yaml.Marshal(v) })
	encode("gob", func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		return b.Bytes(), err
	})
	encode("text/template", func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := texttemplate.Must(texttemplate.New("").Parse(`{{.}} {{printf "%v %x" . .}} {{println .}} {{js .}}`)).Execute(&b, v)
		return b.Bytes(), err
	})
	encode("html/template", func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := htmltemplate.Must(htmltemplate.New("").Parse(`<a href="/?q={{.}}" title="{{.}}">{{.}}</a><script>let x = {{.}}</script>`)).Execute(&b, v)
		return b.Bytes(), err
	})
	encode("driver", func(v any) ([]byte, error) {
		stored, err := driver.DefaultParameterConverter.ConvertValue(v)
		return fmt.Append(nil, stored), err
	})
	for name, h := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		p[name] = func(v any) string {
			var b bytes.Buffer
			slog.New(h(&b)).With("with", v).WithGroup("g").Info("m", "v", v, slog.Group("in", "v", v), slog.Any("any", []any{v}))
			return b.String()
		}
	}
	p["cmp.Diff"] = func(v any) string {
		all := cmp.Exporter(func(reflect.Type) bool { return true })
		return cmp.Diff(v, nil, all) + cmp.Diff([]any{v}, []any{1, v}, all)
	}
	p["reflection"] = func(v any) string {
		var b strings.Builder
		dig(&b, reflect.ValueOf(v), 0)
		return b.String()
	}
	return p
}

// dig prints as packages for debugging do: all fields, exported or not, behind
// every pointer, with what the methods say beside it.
func dig(b *strings.Builder, v reflect.Value, depth int) {
	if !v.IsValid() || depth > 12 {
		return
	}
	if !v.CanInterface() && v.CanAddr() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	fmt.Fprintf(b, "%s ", v.Type())
	if v.CanInterface() {
		fmt.Fprintf(b, "%v %#v ", v.Interface(), v.Interface())
	}
	switch v.Kind() {
	case reflect.Struct:
		addressable := reflect.New(v.Type()).Elem()
		if v.CanInterface() {
			addressable.Set(v)
		}
		for i := range v.NumField() {
			dig(b, addressable.Field(i), depth+1)
		}
	case reflect.Pointer, reflect.Interface:
		dig(b, v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			dig(b, v.Index(i), depth+1)
		}
	case reflect.Map:
		for k, e := range v.Seq2() {
			dig(b, k, depth+1)
			dig(b, e, depth+1)
		}
	case reflect.Func:
		fmt.Fprintf(b, "%x ", v.Pointer())
	default:
		fmt.Fprintf(b, "%v ", v)
	}
}

func TestNoFormShowsIt(t *testing.T) {
	places := map[string][]byte{}
	for form, printed := range printers() {
		for holder, v := range holders() {
			places[form+" of "+holder] = []byte(printed(v))
		}
	}
	if got := string(places["json of a struct"]); got != `{"Name":"card","Number":"[secret]"}<nil>` {
		t.Errorf("a struct is %s in JSON", got)
	}
	canary.None(t, []string{plain}, places)
}

// A type that only looks like a secret is shown by the same printers.
func TestTheFormsAboveWouldShowIt(t *testing.T) {
	type naive struct{ Number string }
	type pointing struct{ number *[]byte }
	b := []byte(plain)
	s := canary.Proved(t, []string{plain})
	for form, printed := range printers() {
		if form == "%p" || form == "%T" || form == "%080.p" || form == "%080.T" || form == "as a width" || form == "driver" {
			continue // they print no field of a struct
		}
		if s.Bytes(form, []byte(printed(naive{plain}))) == nil {
			t.Errorf("%s does not show what is plain: %s", form, printed(naive{plain}))
		}
	}
	if s.Bytes("reflection", []byte(printers()["reflection"](pointing{&b}))) == nil {
		t.Error("reflection does not follow pointers")
	}
}

// What was encoded is not the secret, so reading it back must not pass for one.
func TestNothingIsDecodedIntoIt(t *testing.T) {
	var gobbed bytes.Buffer
	if err := gob.NewEncoder(&gobbed).Encode(account{Number: secret.Of(plain)}); err != nil {
		t.Fatal(err)
	}
	var a account
	var x attribute
	for name, err := range map[string]error{
		"json":          json.Unmarshal([]byte(`{"Number":"622202"}`), &a),
		"json null":     json.Unmarshal([]byte(`{"Number":null}`), &a),
		"json key":      json.Unmarshal([]byte(`{"622202":1}`), &map[*secret.Value]int{}),
		"xml":           xml.Unmarshal([]byte(`<account><Number>622202</Number></account>`), &a),
		"xml attribute": xml.Unmarshal([]byte(`<attribute number="622202"/>`), &x),
		"yaml":          yaml.Unmarshal([]byte("number: 622202"), &a),
		"gob":           gob.NewDecoder(&gobbed).Decode(&a),
		"text":          new(secret.Value).UnmarshalText([]byte("622202")),
		"binary":        new(secret.Value).UnmarshalBinary([]byte("622202")),
	} {
		if err == nil {
			t.Errorf("%s is decoded into a secret", name)
		} else if strings.Contains(err.Error(), "622202") {
			t.Errorf("%s: the error quotes what was to be decoded: %v", name, err)
		}
	}
	if !a.Number.Empty() || !x.Number.Empty() {
		t.Error("something was decoded all the same")
	}
	if _, err := secret.Of(plain).Value(); !errors.Is(err, secret.ErrEncoded) {
		t.Errorf("a database is given the secret: %v", err)
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b secret.Value
		want bool
		why  string
	}{
		{secret.Of(plain), secret.Of(plain), true, "the same in another place"},
		{secret.Of(plain), secret.Of("6222021234567890124"), false, "the last byte"},
		{secret.Of(plain), secret.Of("x"), false, "another length"},
		{secret.Value{}, secret.Of(""), true, "nothing is nothing"},
		{secret.Value{}, secret.Of("x"), false, "nothing is not something"},
	} {
		if got := tt.a.Equal(tt.b); got != tt.want {
			t.Errorf("Equal = %v, want %v: %s", got, tt.want, tt.why)
		}
	}
	if reflect.TypeFor[secret.Value]().Comparable() {
		t.Error("secrets compare with ==, in time that depends on them")
	}
}

func TestReveal(t *testing.T) {
	if v := secret.Of(plain); string(v.Reveal()) != plain || v.RevealString() != plain || v.Empty() {
		t.Error("a secret does not come out as it went in")
	}
	if v := (secret.Value{}); v.Reveal() != nil || !v.Empty() {
		t.Error("the zero Value is not empty")
	}
}
