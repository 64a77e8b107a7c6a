package house

import "testing"

func TestCheckIssuer(t *testing.T) {
	for issuer, good := range map[string]bool{
		"https://jali.example":       true,
		"https://jali.example:8443":  true,
		"http://localhost:8080":      true,
		"http://127.0.0.1:8080":      true,
		"http://jali.example":        false, // tokens and cookies would travel in the clear
		"https://jali.example/":      false, // clients compare issuers as strings
		"https://jali.example/a":     false,
		"https://u:p@jali.example":   false,
		"https://jali.example?x=y":   false,
		"jali.example":               false,
		"":                           false,
		"http://localhost.evil.test": false,
	} {
		if err := CheckIssuer(issuer); (err == nil) != good {
			t.Errorf("CheckIssuer(%q) = %v; want good: %v", issuer, err, good)
		}
	}
}
