package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

const (
	maxPacked = 4 << 20  // a day's file as it travels
	maxFile   = 32 << 20 // and unpacked; it is read a row at a time
)

// parcel is where a file is, as a signed answer says it. The file itself is
// not signed: its hash stands for it.
type parcel struct {
	HashType string `json:"hash_type"`
	Hash     string `json:"hash_value"`
	URL      string `json:"download_url"`
	Key      string `json:"encrypt_key"` // of an encrypted file, under the service provider's certificate
	Nonce    string `json:"nonce"`
}

// trades asks for a day's trade bill and reads it; a day without one is empty.
func (c *Connector) trades(ctx context.Context, merchant string, d time.Time) (bills []connectors.Bill, err error) {
	var p parcel
	err = c.ask(ctx, "v3/bill/tradebill", url.Values{"bill_date": {d.Format(time.DateOnly)}, "sub_mchid": {merchant},
		"bill_type": {"ALL"}, "tar_type": {"GZIP"}}, &p)
	switch {
	case errors.Is(err, errNoStatement):
		return nil, nil
	case err != nil:
		return nil, err
	}
	err = c.unpack(ctx, p, func(r io.Reader) error {
		bills, err = readTrades(r, merchant)
		return err
	})
	return bills, err
}

// flow asks for a day's fund-flow bill and reads it.
func (c *Connector) flow(ctx context.Context, merchant string, d time.Time) (f flow, err error) {
	var a struct {
		Count   *int     `json:"download_bill_count"`
		Parcels []parcel `json:"download_bill_list"`
	}
	err = c.ask(ctx, "v3/bill/sub-merchant-fundflowbill", url.Values{"bill_date": {d.Format(time.DateOnly)}, "sub_mchid": {merchant},
		"account_type": {"BASIC"}, "algorithm": {"AEAD_AES_256_GCM"}, "tar_type": {"GZIP"}}, &a)
	switch {
	case errors.Is(err, errNoStatement):
		return flow{}, nil
	case err != nil:
		return flow{}, err
	case a.Count == nil || *a.Count != len(a.Parcels):
		return flow{}, connectors.ErrMalformed.Because(fault.Cause("not as many files as are counted"))
	case len(a.Parcels) == 0:
		return flow{}, nil
	case len(a.Parcels) > 1: // from 16 GB on, which no person's shop fills in a day
		return flow{}, connectors.ErrMalformed.Because(fault.Cause("a day's file in several parts"))
	case a.Parcels[0].Key == "":
		return flow{}, connectors.ErrMalformed.Because(fault.Cause("the file is not encrypted"))
	}
	err = c.unpack(ctx, a.Parcels[0], func(r io.Reader) error {
		f, err = readFlow(r)
		return err
	})
	return f, err
}

// unpack has a file fetched, opened and read, and believes what was read of it
// once the whole file has the hash that was signed.
func (c *Connector) unpack(ctx context.Context, p parcel, read func(io.Reader) error) error {
	want, err := hex.DecodeString(p.Hash)
	if err != nil || len(want) != sha1.Size || !strings.EqualFold(p.HashType, "SHA1") {
		return connectors.ErrMalformed.Because(fault.Cause("no SHA1 of the file"))
	}
	body, err := c.download(ctx, p.URL)
	if err != nil {
		return err
	}
	if p.Key != "" {
		if body, err = c.decrypt(p, body); err != nil {
			return err
		}
	}
	var file io.Reader = bytes.NewReader(body)
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) { // else already unpacked underway, or never packed: the hash will tell
		if file, err = gzip.NewReader(file); err != nil {
			return connectors.ErrMalformed.Because(fault.Cause("the file is not gzip"))
		}
	}
	sum, capped := sha1.New(), &io.LimitedReader{R: file, N: maxFile + 1}
	whole := io.TeeReader(capped, sum)
	unread := read(whole)
	if _, err := io.Copy(io.Discard, whole); err != nil || capped.N == 0 {
		return connectors.ErrMalformed.Because(fault.Cause("the file cannot be unpacked, or is too large"))
	}
	if subtle.ConstantTimeCompare(sum.Sum(nil), want) != 1 {
		return connectors.ErrUnsigned.Because(fault.Cause("the file is not the one whose hash was signed"))
	}
	if unread != nil {
		return connectors.ErrMalformed.Because(unread)
	}
	return nil
}

// decrypt opens a file whose key is under our own ("文件解密"): RSAES-OAEP for
// the key, AEAD_AES_256_GCM without associated data for the file.
func (c *Connector) decrypt(p parcel, file []byte) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(p.Key)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("encrypt_key is not base64"))
	}
	key, err := rsa.DecryptOAEP(sha1.New(), nil, c.key, sealed, nil)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("encrypt_key is not under our certificate"))
	}
	plain, err := openGCM(key, []byte(p.Nonce), file, nil)
	if err != nil {
		return nil, connectors.ErrUnsigned.Because(err)
	}
	return plain, nil
}

// openGCM decrypts in place.
func openGCM(key, nonce, text, data []byte) ([]byte, error) {
	if len(key) != 32 || len(nonce) < 12 || len(nonce) > 32 {
		return nil, fault.Cause("a key or nonce that AEAD_AES_256_GCM does not take")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(nonce))
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(text[:0], nonce, text, data)
	if err != nil {
		return nil, fault.Cause("what was encrypted does not open")
	}
	return plain, nil
}

// download fetches a file from the API's own host; our signature goes nowhere else.
func (c *Connector) download(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != c.api.Scheme || u.Host != c.api.Host || u.User != nil || u.Fragment != "" {
		return nil, connectors.ErrMalformed.Because(fault.Cause("download_url leads to another host"))
	}
	a, err := c.send(ctx, u, maxPacked)
	if err != nil {
		return nil, err
	}
	if a.Status < 200 || a.Status > 299 {
		return nil, c.refusal(ctx, a)
	}
	return a.Body, nil
}
