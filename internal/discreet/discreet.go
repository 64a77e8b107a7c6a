// Package discreet decides what a log line may hold: enough for an operator to
// find what broke, and nothing that a source, a client or a person sent.
//
// It stands around the [slog.Handler] of a process, so that no room has to mind:
// an error is told by [fault.Tell], by its codes and types and never by texts of
// others; of other values only plain ones are written, and of the rest their
// type. What a library writes to the log package is told by the line of code
// alone, for net/http quotes there what a server sent. Messages, keys and
// strings are the writer's own to mind: internal/rooms holds that messages are
// literals and that no error's text is made a string. A line that is logged
// under a request holds the request's id.
package discreet

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"

	"jali/internal/fault"
)

// Logger answers log with every line made discreet.
func Logger(log *slog.Logger) *slog.Logger {
	if _, already := log.Handler().(handler); already {
		return log
	}
	return slog.New(handler{log.Handler()})
}

// New answers a logger that writes to h.
func New(h slog.Handler) *slog.Logger { return Logger(slog.New(h)) }

// Take makes l the process's own: for slog's functions, and for libraries that
// write to the log package.
func Take(l *slog.Logger) {
	l = Logger(l)
	slog.SetDefault(l)
	log.SetFlags(log.Lshortfile)
	log.SetOutput(writer(func(line string) {
		at, _, _ := strings.Cut(line, ": ") // file.go:123
		if !sourceLine.MatchString(at) {
			at = "?"
		}
		l.Warn("a library wrote to the log", "at", at)
	}))
}

var sourceLine = regexp.MustCompile(`^[a-z0-9_]{1,40}\.go:\d{1,6}$`)

// Server answers what an http.Server may write its errors to. They are kept
// without what they quote, addresses and numbers.
func Server(l *slog.Logger) *log.Logger {
	l = Logger(l)
	return log.New(writer(func(line string) {
		l.Warn("the HTTP server complains", "of", quoted.ReplaceAllString(line[:min(len(line), 300)], "…"))
	}), "", 0)
}

// quoted is what may come from outside in a line of net/http: quotations,
// whatever follows a panic, letters that are not English, and what has digits.
var quoted = regexp.MustCompile(`(?s)".*"|panic.*|[^ -~]+|[\w.:\[\]%-]*\d[\w.:\[\]%-]*|[\w+/=-]{25,}`)

type writer func(line string)

func (w writer) Write(b []byte) (int, error) {
	w(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Calm answers with h, and where h panics breaks the connection off and tells
// the panic by its type and place: net/http would log the value.
func Calm(h http.Handler, l *slog.Logger) http.Handler {
	l = Logger(l)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				l.ErrorContext(r.Context(), "panic", "err", fault.Panicked(p))
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// Dying is deferred in main: a panic of a verb ends the process with exit code
// 2, as Go would, and without its value.
func Dying(name string) {
	if p := recover(); p != nil {
		fmt.Fprintln(os.Stderr, name+": "+fault.Panicked(p).Error())
		os.Exit(2)
	}
}

type requestKey struct{}

// Requested answers ctx with the id of the request that is answered under it.
// It stands in every line that is logged with the ctx, or one made from it. An
// id is a plain one: whose it is to check that is the caller's.
func Requested(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID answers the id that [Requested] put into ctx, or nothing.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

type handler struct{ next slog.Handler }

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name)} }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(plainAttrs(attrs))}
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	told := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	if id := RequestID(ctx); id != "" {
		told.AddAttrs(slog.String("request_id", id))
	}
	r.Attrs(func(a slog.Attr) bool {
		told.AddAttrs(slog.Attr{Key: a.Key, Value: plain(a.Value)})
		return true
	})
	return h.next.Handle(ctx, told)
}

func plainAttrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = slog.Attr{Key: a.Key, Value: plain(a.Value)}
	}
	return out
}

// plain answers what may be written of a value.
func plain(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		return slog.GroupValue(plainAttrs(v.Group())...)
	case slog.KindAny:
		return slog.StringValue(shown(v.Any()))
	}
	return v
}

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case error:
		return fault.Tell(v)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String: // a kind of id
		return r.String()
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("%v", r)
	}
	return fmt.Sprintf("%T", v)
}
