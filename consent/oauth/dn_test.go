package oauth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

func TestSubjectDN(t *testing.T) {
	der := must(asn1.Marshal(pkix.Name{
		Country: []string{"CN"}, Organization: []string{"Bank, Ltd."}, OrganizationalUnit: []string{"API", "Ops"}, CommonName: "a=b #1 ",
	}.ToRDNSequence()))
	subject, ok := subjectOf(der)
	if !ok {
		t.Fatal("the subject cannot be read")
	}
	for _, tt := range []struct {
		text string
		same bool
	}{
		{`CN=a\=b #1\ ,OU=API+OU=Ops,O=Bank\, Ltd.,C=CN`, true},
		{`cn=a=b #1\20,2.5.4.11=Ops+ou=API,o=Bank\2C Ltd.,c=CN`, true},
		{`CN = a=b #1\ , OU = Ops + OU = API, O = Bank\, Ltd., C = CN`, true}, // as OpenSSL prints it
		{`CN=#0C07613D6220233120,OU=API+OU=Ops,O=Bank\, Ltd.,C=CN`, true},

		{`CN=a\=b #1,OU=API+OU=Ops,O=Bank\, Ltd.,C=CN`, false},          // a loose space is none
		{`C=CN,O=Bank\, Ltd.,OU=API+OU=Ops,CN=a\=b #1\ `, false},        // the other way round
		{`CN=a\=b #1\ ,OU=API,OU=Ops,O=Bank\, Ltd.,C=CN`, false},        // two names are not one of two values
		{`CN=a\=b #1\ ,OU=API+OU=Ops,O=bank\, Ltd.,C=CN`, false},        // exactly
		{`CN=a\=b #1\ ,OU=API+OU=Ops,O=Bank\, Ltd.`, false},             // the beginning of it
		{`CN=a\=b #1\ ,OU=API+OU=Ops,O=Bank\, Ltd.,C=CN,DC=x`, false},   // and more
		{`CN=a\=b #1\ \,OU\=API\+OU\=Ops\,O\=Bank\\, Ltd.,C=CN`, false}, // one value that reads like several
	} {
		if got, ok := parseDN(tt.text); !ok && tt.same || ok && (got == subject) != tt.same {
			t.Errorf("parseDN(%s) = %s, %v; the subject is %s", tt.text, got, ok, subject)
		}
	}
	for _, bad := range []string{"", "x", "CN", "=x", "CN=a,", ",CN=a", "CN=a++O=b", "XX=a", "2.5.04=a", "2.=a", "2=a", `CN="a"`, "CN=a;O=b", "CN=<a>",
		`CN=a\`, `CN=a\0`, `CN=a\zz`, `CN=\ff`, "CN=#", "CN=#zz", "CN=#0500", "CN=a\x00", "CN=\xff"} {
		if got, ok := parseDN(bad); ok {
			t.Errorf("parseDN(%q) = %s; want it refused", bad, got)
		}
	}
	for _, bad := range [][]byte{nil, {0x30, 0x00}, der[:len(der)-1], append(der[:len(der):len(der)], 0), must(asn1.Marshal(1))} {
		if got, ok := subjectOf(bad); ok {
			t.Errorf("subjectOf(%x) = %s; want it refused", bad, got)
		}
	}
}

// Whatever Go prints of a certificate's name means that name.
func FuzzDN(f *testing.F) {
	f.Add("client.bank.example", "Bank, Ltd.", "A+B")
	f.Add(" #\\\"", "=;<>", "银行\x00")
	f.Fuzz(func(t *testing.T, cn, o, ou string) {
		_, _ = parseDN(cn) // any text
		name := pkix.Name{CommonName: cn, Organization: []string{o}, OrganizationalUnit: []string{ou, "x"}}
		der, err := asn1.Marshal(name.ToRDNSequence())
		if err != nil {
			return
		}
		subject, ok := subjectOf(der)
		if !ok || o == "" || ou == "" || strings.Contains(cn+o+ou, "\x00") { // Go does not escape NUL, nor mark what is empty
			return
		}
		text := name.ToRDNSequence().String()
		if got, ok := parseDN(text); ok && got != subject || !ok && len(text) <= maxDN {
			t.Fatalf("parseDN(%q) = %s, %v; want %s", text, got, ok, subject)
		}
	})
}
