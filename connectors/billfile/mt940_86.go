package billfile

import (
	"cmp"
	"regexp"
	"strings"

	"jali/connectors"
)

// What :86: says of the line before it, in the three ways that banks write it:
//
//   - German banks after a code of three digits (Geschäftsvorfallcode), in
//     subfields of two digits: "166?00GUTSCHRIFT?20EREF+A1?32NAME" (Deutsche
//     Kreditwirtschaft, DFÜ-Abkommen, Anlage 3, chapter 8)
//   - others in code words between strokes: "/TRTP/SEPA/NAME/…/REMI/…/EREF/…"
//   - and all of them as plain text.
func describe86(b *connectors.Bill, f *field) {
	text := strings.Join(f.lines, "")
	switch {
	case germanForm.MatchString(text):
		germanText(b, text)
	case wordForm.MatchString(text):
		wordText(b, text)
	default:
		b.Description = joined(distinct(line(strings.Join(f.lines, " ")), b.Description)...)
	}
}

var (
	germanForm = regexp.MustCompile(`^[0-9]{3}([^0-9A-Za-z ])[0-9]{2}`)
	wordForm   = regexp.MustCompile(`^/[A-Z0-9]{2,6}/`)
	words86    = regexp.MustCompile(`/([A-Z]{4})/`)
	sepaWord   = regexp.MustCompile(`^(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|COAM|OAMT|PURP|IBAN|BIC)[+:]\s*`)
)

// germanText reads the subfields: 00 the bank's text, 20–29 and 60–63 the
// remittance, 32 and 33 the other party's name.
func germanText(b *connectors.Bill, text string) {
	code, mark := text[:3], germanForm.FindStringSubmatch(text)[1]
	var posting, name string
	var remittance []string
	for _, sub := range strings.Split(text[3:], mark)[1:] {
		if len(sub) < 2 {
			continue
		}
		switch key, value := sub[:2], sub[2:]; {
		case key == "00":
			posting = line(value)
		case key >= "20" && key <= "29" || key >= "60" && key <= "63":
			remittance = append(remittance, value)
		case key == "32" || key == "33":
			name += value
		}
	}
	b.Counterparty = line(name)
	b.RawKind = strings.TrimSpace(code + " " + posting)
	if k := germanKind(code, b.Direction); k != "" && b.Kind != connectors.Refund {
		b.Kind = k
	}
	// A SEPA word begins a subfield and runs on into those without one.
	parts, plain, at := map[string]string{}, "", ""
	for _, r := range remittance {
		if m := sepaWord.FindStringSubmatch(r); m != nil {
			at, r = m[1], r[len(m[0]):]
		}
		if at == "" {
			plain += r
		} else {
			parts[at] += r
		}
	}
	referred(b, parts["EREF"], cmp.Or(parts["SVWZ"], plain))
}

// germanKind reads a Geschäftsvorfallcode: 0xx and 1xx (SEPA) are payments in
// their own currency, 8xx the bank's own bookings.
func germanKind(code string, way connectors.Direction) connectors.Kind {
	switch code {
	case "004", "005", "104", "105", "106", "107", "171", "174":
		if way == connectors.In {
			return connectors.Income
		}
		return connectors.Payment
	case "053", "153", "154":
		return connectors.Income
	case "108", "109", "159", "181":
		return connectors.Refund
	case "008", "020", "051", "052", "116", "117", "118", "119", "152", "166", "168", "169", "177", "191", "201", "202":
		return connectors.Transfer
	case "082":
		return connectors.Topup
	case "083":
		return connectors.Withdrawal
	case "814":
		return connectors.Interest
	case "805", "808", "809":
		return connectors.Fee
	}
	return ""
}

// wordText reads code words; ORDP and BENM tell of a party in words again.
func wordText(b *connectors.Bill, text string) {
	parts := map[string]string{}
	at := words86.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		word, value := text[m[2]:m[3]], line(strings.Trim(text[m[1]:end], "/"))
		if parts[word] == "" {
			parts[word] = value
		}
	}
	if len(parts) == 0 {
		b.Description = joined(distinct(line(text), b.Description)...)
		return
	}
	b.Counterparty = parts["NAME"]
	if parts["TRTP"] != "" {
		b.RawKind = parts["TRTP"]
	}
	remittance := parts["REMI"]
	for _, kind := range []string{"USTD//", "USTD/", "STRD/CUR/", "STRD/"} {
		remittance = strings.TrimPrefix(remittance, kind)
	}
	referred(b, parts["EREF"], remittance)
}

// referred adds what the other party gave with the payment.
func referred(b *connectors.Bill, endToEnd, remittance string) {
	if ref := reference(endToEnd); ref != "" {
		b.Order, b.Refs = ref, append(b.Refs, ref)
	}
	b.Description = joined(distinct(remittance, b.Description)...)
}
