package kv

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Records of many rows are stored as CBOR (RFC 8949), which is several times
// quicker than JSON. Texts are kept as they are, also those that are no UTF-8:
// sources tell such.
var (
	packing = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano, TagsMd: cbor.TagsForbidden, IndefLength: cbor.IndefLengthForbidden}.EncMode())
	opening = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, TagsMd: cbor.TagsForbidden, IndefLength: cbor.IndefLengthForbidden,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive, UTF8: cbor.UTF8DecodeInvalid,
		MaxNestedLevels: 8, MaxArrayElements: 1 << 24, MaxMapPairs: 1 << 10,
	}.DecMode())
)

// Pack writes a record as CBOR. Names are those of JSON where it has no others.
func Pack(v any) ([]byte, error) { return packing.Marshal(v) }

// Unpack reads what Pack wrote: [ErrRecord] if it cannot.
func Unpack(value []byte, v any) error {
	if opening.Unmarshal(value, v) != nil {
		return ErrRecord.Because(fmt.Errorf("a packed %T cannot be read", v)) // cbor's own error may quote the record
	}
	return nil
}

func must[M any](mode M, err error) M {
	if err != nil {
		panic("kv: " + err.Error())
	}
	return mode
}
