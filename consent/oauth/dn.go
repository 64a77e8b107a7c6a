package oauth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dn is a distinguished name in the one form in which two are compared: its
// relative names in the order of the certificate, each with its attributes
// sorted, by object identifier and quoted value. Values are compared exactly;
// that X.520 would overlook case and spaces in some is not made use of.
type dn string

// attributeTypes are the short names of RFC 4514, section 3, and those beside
// them that the certificates of banks have. Others are written as numbers.
var attributeTypes = map[string]string{
	"CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8",
	"STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "TITLE": "2.5.4.12", "BUSINESSCATEGORY": "2.5.4.15",
	"POSTALCODE": "2.5.4.17", "GIVENNAME": "2.5.4.42", "ORGANIZATIONIDENTIFIER": "2.5.4.97",
	"UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25",
	"EMAILADDRESS": "1.2.840.113549.1.9.1", "E": "1.2.840.113549.1.9.1",
	"JURISDICTIONL": "1.3.6.1.4.1.311.60.2.1.1", "JURISDICTIONST": "1.3.6.1.4.1.311.60.2.1.2", "JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3",
}

const maxDN = 2048

// parseDN reads the text of a name (RFC 4514, section 3). Spaces around types
// and values that are not escaped do not count, as in RFC 2253.
func parseDN(text string) (dn, bool) {
	if text == "" || len(text) > maxDN || !utf8.ValidString(text) {
		return "", false
	}
	var names []string
	for _, part := range splitDN(text, ',') {
		var attributes []string
		for _, one := range splitDN(part, '+') {
			name, value, ok := strings.Cut(one, "=")
			if !ok {
				return "", false
			}
			oid, ok := oidOf(strings.Trim(name, " "))
			if !ok {
				return "", false
			}
			plain, ok := valueOf(value)
			if !ok {
				return "", false
			}
			attributes = append(attributes, attribute(oid, plain))
		}
		names = append(names, relative(attributes))
	}
	slices.Reverse(names) // the text begins with the last (RFC 4514, section 2.1)
	return dn(strings.Join(names, ",")), true
}

// subjectOf reads the name in a certificate.
func subjectOf(der []byte) (dn, bool) {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 || len(seq) == 0 {
		return "", false
	}
	var names []string
	for _, set := range seq {
		var attributes []string
		for _, one := range set {
			value, ok := one.Value.(string)
			if !ok {
				return "", false
			}
			attributes = append(attributes, attribute(one.Type.String(), value))
		}
		names = append(names, relative(attributes))
	}
	return dn(strings.Join(names, ",")), true
}

func attribute(oid, value string) string { return oid + "=" + strconv.Quote(value) }

func relative(attributes []string) string {
	slices.Sort(attributes)
	return strings.Join(attributes, "+")
}

// splitDN parts a text at a separator that is not escaped.
func splitDN(text string, at byte) []string {
	var parts []string
	from := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

func oidOf(name string) (string, bool) {
	if oid, ok := attributeTypes[strings.ToUpper(name)]; ok {
		return oid, true
	}
	if strings.Trim(name, "0123456789.") != "" || !strings.Contains(name, ".") {
		return "", false
	}
	for number := range strings.SplitSeq(name, ".") {
		if number == "" || len(number) > 1 && number[0] == '0' {
			return "", false
		}
	}
	return name, true
}

// valueOf reads an attribute's value: text with escapes, or "#" and the
// hexadecimal of its DER (RFC 4514, section 2.4).
func valueOf(text string) (string, bool) {
	text = strings.TrimLeft(text, " ")
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		der, err := hex.DecodeString(strings.TrimRight(digits, " "))
		if err != nil {
			return "", false
		}
		var v any
		rest, err := asn1.Unmarshal(der, &v)
		s, isText := v.(string)
		return s, err == nil && len(rest) == 0 && isText
	}
	var b []byte
	end := 0 // behind the last that is no loose space
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(` "#+,;<=>\`, text[i+1]) >= 0:
			i++
			b = append(b, text[i])
			end = len(b)
		case c == '\\':
			if i+2 >= len(text) {
				return "", false
			}
			one, err := hex.DecodeString(text[i+1 : i+3])
			if err != nil {
				return "", false
			}
			i += 2
			b = append(b, one[0])
			end = len(b)
		case strings.IndexByte("\"+,;<>\x00", c) >= 0:
			return "", false
		default:
			if b = append(b, c); c != ' ' {
				end = len(b)
			}
		}
	}
	return string(b[:end]), utf8.Valid(b[:end])
}
