package openbanking

import (
	"fmt"
	"strings"
)

// version is one of the two that are spoken. They ask alike and answer in other
// words; which words are whose is said where they are read.
type version int

const (
	v4 version = iota
	v3         // v3.1
)

// versionOf reads the version that is configured or, where none is, that of the
// API's path, which by the standard is …/open-banking/v3.1/aisp.
func versionOf(configured, path string) (version, error) {
	said := configured
	if said == "" {
		_, rest, _ := strings.Cut(path, "/open-banking/")
		said, _, _ = strings.Cut(rest, "/")
	}
	switch {
	case said == "v4" || strings.HasPrefix(said, "v4."):
		return v4, nil
	case said == "v3.1" || strings.HasPrefix(said, "v3.1."):
		return v3, nil
	case said == "":
		return 0, fmt.Errorf("openbanking: API says no version, and Version none either: say v3.1 or v4.0")
	}
	return 0, fmt.Errorf("openbanking: version %q is not spoken: v3.1 and v4.0 are", said)
}
