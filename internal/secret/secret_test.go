package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const plain = "6222021234567890"

type account struct {
	Name   string
	Number Value
	hidden Value
}

func forms(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	marshal := func(name string, f func(any) ([]byte, error)) {
		b, err := f(v)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = string(b)
	}
	marshal("json", json.Marshal)
	marshal("xml", xml.Marshal)
	marshal("gob", func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		return b.Bytes(), err
	})
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	out["slog"] = b.String()
	out["error"] = fmt.Errorf("wrapped: %v: %w", v, errors.New("x")).Error()
	return out
}

func leaks(s string) bool {
	return strings.Contains(s, plain) || strings.Contains(s, fmt.Sprintf("%x", plain)) || strings.Contains(s, "54 50 50")
}

func TestNoFormShowsIt(t *testing.T) {
	a := account{"card", Of(plain), Of(plain)}
	for _, v := range []any{a.Number, &a.Number, a, &a} {
		for form, got := range forms(t, v) {
			if leaks(got) {
				t.Errorf("%s of %T shows the secret: %s", form, v, got)
			}
		}
	}
	type naive struct{ Number string }
	if got := forms(t, naive{plain})["%v"]; !leaks(got) {
		t.Error("the check above cannot fail: a planted leak went unseen")
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b Value
		want bool
	}{
		{Of(plain), Of(plain), true},
		{Of(plain), Of("x"), false},
		{Value{}, Of(""), true},
		{Value{}, Of("x"), false},
	} {
		if got := tt.a.Equal(tt.b); got != tt.want {
			t.Errorf("Equal = %v, want %v", got, tt.want)
		}
	}
}
