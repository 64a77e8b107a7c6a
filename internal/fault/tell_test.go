package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"jali/internal/canary"
	"jali/internal/fault"
)

const number = "6222021234567890123"

var errDown = &fault.Error{Kind: fault.Upstream, Code: "source_down", Detail: "the source does not answer"}

type foreign struct{ said string }

func (f foreign) Error() string { return f.said }

type liar struct{ foreign }

func (liar) Unwrap() error { panic(number) }

type endless struct{ foreign }

func (e endless) Unwrap() error { return e }

func TestTell(t *testing.T) {
	var missing *json.UnmarshalTypeError
	_ = errors.As(json.Unmarshal([]byte(`{"n":`+number+`}`), &struct{ N int8 }{}), &missing)
	_, notNumber := strconv.Atoi(number + "x")
	long := make([]error, 20)
	for i := range long {
		long[i] = errDown
	}
	for _, tt := range []struct {
		err  error
		want string
		why  string
	}{
		{errDown, "source_down", "a fault by its code"},
		{errDown.Saying("card " + number), "source_down", "and not by its detail"},
		{errDown.Because(fault.Cause("the signature does not fit")), "source_down: the signature does not fit", "our own words"},
		{errDown.Because(fault.Cause("HTTP status", 503)), "source_down: HTTP status 503", "a number that is small"},
		{errDown.Because(fault.Cause("HTTP status", 6222021234567890123)), "source_down: HTTP status …", "and not one that could be an account's"},
		{fault.Coded("code", "isv.invalid-signature"), "code isv.invalid-signature", "a far end's word"},
		{fault.Coded("code", "40004"), "code 40004", "a far end's number"},
		{fault.Coded("code", number), "code …", "and not what can be something else"},
		{fault.Coded("code", "NZQXI3DPMFRGK5DFOJXG"), "code …", "nor a token"},
		{fault.Coded("code", "余额不足"), "code …", "nor a text"},
		{errDown.Because(errors.New("no money in " + number)), "source_down: *errors.errorString", "nobody knows where this text comes from"},
		{fmt.Errorf("account %s: %w", number, errDown), "source_down", "what is wrapped, without the wrapping"},
		{fmt.Errorf("%s: %w, %w", number, errDown, context.Canceled), "source_down; context canceled", "both"},
		{errors.Join(errDown, foreign{number}), "source_down; fault_test.foreign", "both"},
		{errors.Join(long...), strings.Repeat("source_down; ", 7) + "source_down", "as many as anybody reads"},
		{foreign{number}, "fault_test.foreign", "a type"},
		{liar{foreign{number}}, "fault_test.liar", "one that panics"},
		{endless{foreign{number}}, strings.Repeat("fault_test.endless: ", 17) + "…", "one that is its own cause"},
		{&fs.PathError{Op: "open", Path: "/tokens/" + number, Err: syscall.ENOSPC}, "open: no space left on device", "the system's number, and no path"},
		{&fs.PathError{Op: number, Err: os.ErrNotExist}, "…: file does not exist", "a call's name that is none"},
		{&url.Error{Op: "Get", URL: "https://x/?token=" + number, Err: context.DeadlineExceeded}, "Get: context deadline exceeded", "no URL"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "dial tcp: connect: connection refused", "no address"},
		{&net.DNSError{Err: number, Name: number, IsNotFound: true}, "DNS (not found: true, timeout: false)", "no name"},
		{json.Unmarshal([]byte(`{"`+number+`"`), new(any)), "JSON: syntax at byte 22", "where, and not what"},
		{missing, "JSON: another type than int8 at byte 24", "where, and not what"},
		{notNumber, "Atoi: invalid syntax", "no number"},
		{(*fault.Error)(nil), "*fault.Error", "a mistake of ours must not end a log line"},
	} {
		got := fault.Tell(tt.err)
		if got != tt.want {
			t.Errorf("Tell(%T) = %q, want %q: %s", tt.err, got, tt.want, tt.why)
		}
		canary.None(t, []string{number}, map[string][]byte{tt.want: []byte(got)})
	}
}

func TestAPanicIsToldByItsPlace(t *testing.T) {
	for value, kind := range map[any]string{number: "string", foreign{number}: "fault_test.foreign", 6222021234567890123: "int", &fs.PathError{Path: number}: "*fs.PathError"} {
		err := errDown.Because(dies(value))
		told := fault.Tell(err)
		if !strings.HasPrefix(told, "source_down: panic of type "+kind+" at fault/tell_test.go:") {
			t.Errorf("it says %s", told)
		}
		canary.None(t, []string{number}, map[string][]byte{"Tell": []byte(told), "Error": []byte(err.Error())})
	}
	if err := dies(nil); fault.Tell(err) == "" || !strings.Contains(err.Error(), "runtime.PanicNilError") {
		t.Errorf("a panic of nil is %v", err)
	}
	var out [2]int
	if told := fault.Tell(index(out[:], 7)); !strings.Contains(told, "runtime.boundsError at runtime/") || !strings.Contains(told, "fault/tell_test.go:") {
		t.Errorf("a fault of the program is %s", told)
	}
}

func dies(value any) (err error) {
	defer fault.Caught(&err)
	panic(value)
}

func index(list []int, i int) (err error) {
	defer fault.Caught(&err)
	_ = list[i]
	return nil
}

func TestCausesAreThemselvesAlone(t *testing.T) {
	a, b := fault.Cause("the same words"), fault.Cause("the same words")
	if errors.Is(a, b) || !errors.Is(errDown.Because(a), a) {
		t.Error("a cause is not one of its own")
	}
}
