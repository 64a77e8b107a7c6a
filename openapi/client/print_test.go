package client_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"jali/openapi/client"
)

func TestNothingSecretIsPrinted(t *testing.T) {
	key, err := client.ParseKey([]byte(rfcEd))
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{Issuer: issuer, Key: key}
	token := client.Token{AccessToken: "secret-access", RefreshToken: "secret-refresh", GrantID: "grant_1"}
	a := client.Authorization{State: "secret-state", Verifier: "secret-verifier"}
	var log bytes.Buffer
	for _, v := range []any{key, c, token, &token, c.Session(token), a, &a, []any{key, token}, struct{ T client.Token }{token}} {
		_, _ = fmt.Fprintf(&log, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("it", "it", v)
	}
	for _, s := range []string{"secret", "157 97 177 157", "0x9d, 0x61, 0xb1", "9d61b19d"} { // the key's bytes, RFC 8037
		if strings.Contains(log.String(), s) {
			t.Errorf("%q is printed", s)
		}
	}
	if !strings.Contains(log.String(), "grant_1") || !strings.Contains(log.String(), rfcID) {
		t.Errorf("it does not tell what it is: %s", log.String())
	}
}
