// Package software is an authenticator without hardware, for the sandbox and
// for tests: whoever holds its memory holds its keys. It never belongs into
// cmd/jali.
//
// It plays browser and authenticator at once (WebAuthn Level 3): it takes the
// JSON that parseCreationOptionsFromJSON and parseRequestOptionsFromJSON take,
// checks the rp id against the origin as a browser does, and answers what
// cred.toJSON() gives. Its keys are ES256 and discoverable, its user is always
// there and always verified, and it counts its signatures.
package software

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

var (
	// ErrExcluded is the browser's InvalidStateError: this authenticator has
	// one of the credentials that were to be left out.
	ErrExcluded = errors.New("software: this authenticator holds an excluded passkey")
	// ErrNone is the browser's NotAllowedError: no passkey here fits.
	ErrNone = errors.New("software: no passkey here fits")
	// ErrChoose is Get with several passkeys that fit: use GetAs.
	ErrChoose = errors.New("software: several passkeys fit; choose one")
	// ErrOrigin is the browser's SecurityError: the page may not use this rp id.
	ErrOrigin = errors.New("software: the rp id is not one this origin may use")
	// ErrOptions is options that a browser would not take.
	ErrOptions = errors.New("software: these options are not usable")
)

// Flags of authenticator data (section 6.1).
const (
	userPresent  = 1 << 0
	userVerified = 1 << 2
	attested     = 1 << 6
)

const es256 = -7 // COSE

// Authenticator holds passkeys. It is safe for concurrent use.
type Authenticator struct {
	mu   sync.Mutex
	keys []*key
}

type key struct {
	Credential
	private *ecdsa.PrivateKey
	count   uint32
}

// Credential is one passkey as a browser would list it.
type Credential struct {
	ID          string `json:"id"`          // base64url, as response.id
	RPID        string `json:"rp_id"`       //
	UserHandle  []byte `json:"user_handle"` // the site's id for the person
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
}

// New is an authenticator with no passkeys.
func New() *Authenticator { return &Authenticator{} }

// Credentials lists the passkeys, oldest first.
func (a *Authenticator) Credentials() []Credential {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Credential, len(a.keys))
	for i, k := range a.keys {
		list[i] = k.Credential
	}
	return list
}

// descriptor is a PublicKeyCredentialDescriptorJSON.
type descriptor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Create makes a passkey for the options that a page of origin got, and
// answers its RegistrationResponseJSON. One for the same person at the same
// site is replaced.
func (a *Authenticator) Create(origin string, optionsJSON []byte) ([]byte, error) {
	var o struct {
		RP struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID          string `json:"id"`
			Name        string `json:"name"`
			DisplayName string `json:"displayName"`
		} `json:"user"`
		Challenge string `json:"challenge"`
		Params    []struct {
			Type string `json:"type"`
			Alg  int    `json:"alg"`
		} `json:"pubKeyCredParams"`
		Exclude    []descriptor               `json:"excludeCredentials"`
		Extensions map[string]json.RawMessage `json:"extensions"`
	}
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	rp, err := rpID(origin, o.RP.ID)
	if err != nil {
		return nil, err
	}
	handle, err := b64.DecodeString(o.User.ID)
	if err != nil || len(handle) == 0 || len(handle) > 64 || o.User.Name == "" {
		return nil, fmt.Errorf("%w: the user", ErrOptions)
	}
	takes := len(o.Params) == 0
	for _, p := range o.Params {
		takes = takes || p.Type == "public-key" && p.Alg == es256
	}
	if !takes {
		return nil, fmt.Errorf("%w: ES256 is not asked for", ErrOptions)
	}
	client, err := clientData("webauthn.create", o.Challenge, origin)
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	k := &key{private: private, Credential: Credential{
		ID: b64.EncodeToString(id), RPID: rp, UserHandle: handle, Name: o.User.Name, DisplayName: o.User.DisplayName}}
	cose, err := k.cose()
	if err != nil {
		return nil, err
	}
	auth := slices.Concat(authData(rp, userPresent|userVerified|attested, 0), make([]byte, 16), // AAGUID: of no make
		binary.BigEndian.AppendUint16(nil, uint16(len(id))), id, cose)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	extensions := map[string]any{}
	if _, asked := o.Extensions["credProps"]; asked {
		extensions["credProps"] = map[string]any{"rk": true}
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.ContainsFunc(a.keys, func(k *key) bool { return k.RPID == rp && listed(o.Exclude, k.ID) }) {
		return nil, ErrExcluded
	}
	a.keys = slices.DeleteFunc(a.keys, func(k *key) bool { return k.RPID == rp && string(k.UserHandle) == string(handle) })
	a.keys = append(a.keys, k)
	return answer(k.ID, extensions, map[string]any{
		"clientDataJSON":     b64.EncodeToString(client),
		"authenticatorData":  b64.EncodeToString(auth),
		"attestationObject":  b64.EncodeToString(object),
		"publicKey":          b64.EncodeToString(spki),
		"publicKeyAlgorithm": es256,
		"transports":         []string{"internal"},
	})
}

// Get answers the AuthenticationResponseJSON of the one passkey that fits the
// options that a page of origin got.
func (a *Authenticator) Get(origin string, optionsJSON []byte) ([]byte, error) {
	return a.get("", origin, optionsJSON)
}

// GetAs is Get with the passkey whose [Credential.ID] is given: the choice
// that a person makes in the browser's list.
func (a *Authenticator) GetAs(credentialID, origin string, optionsJSON []byte) ([]byte, error) {
	if credentialID == "" {
		return nil, ErrNone
	}
	return a.get(credentialID, origin, optionsJSON)
}

func (a *Authenticator) get(chosen, origin string, optionsJSON []byte) ([]byte, error) {
	var o struct {
		RPID      string       `json:"rpId"`
		Challenge string       `json:"challenge"`
		Allow     []descriptor `json:"allowCredentials"`
	}
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	rp, err := rpID(origin, o.RPID)
	if err != nil {
		return nil, err
	}
	client, err := clientData("webauthn.get", o.Challenge, origin)
	if err != nil {
		return nil, err
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	var fit []*key
	for _, k := range a.keys {
		if k.RPID == rp && (len(o.Allow) == 0 || listed(o.Allow, k.ID)) && (chosen == "" || k.ID == chosen) {
			fit = append(fit, k)
		}
	}
	switch len(fit) {
	case 0:
		return nil, ErrNone
	case 1:
	default:
		return nil, ErrChoose
	}
	k := fit[0]
	k.count++
	auth := authData(rp, userPresent|userVerified, k.count)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(auth, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		return nil, err
	}
	return answer(k.ID, map[string]any{}, map[string]any{
		"clientDataJSON":    b64.EncodeToString(client),
		"authenticatorData": b64.EncodeToString(auth),
		"signature":         b64.EncodeToString(signature),
		"userHandle":        b64.EncodeToString(k.UserHandle),
	})
}

var b64 = base64.RawURLEncoding

func answer(id string, extensions, response map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": extensions, "response": response,
	})
}

func listed(list []descriptor, id string) bool {
	return slices.ContainsFunc(list, func(d descriptor) bool { return d.ID == id })
}

// clientData is section 5.8.1's, in the order of members that browsers keep.
func clientData(kind, challenge, origin string) ([]byte, error) {
	if raw, err := b64.DecodeString(challenge); err != nil || len(raw) < 16 {
		return nil, fmt.Errorf("%w: the challenge", ErrOptions)
	}
	return json.Marshal(struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
	}{kind, challenge, origin, false})
}

func authData(rp string, flags byte, count uint32) []byte {
	hash := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), count)
}

// rpID is section 5.1.3, step 8: the rp id is the origin's host or a domain
// above it, and the page is https or on localhost. A domain above needs a dot:
// the list of public suffixes is not known here.
func rpID(origin, asked string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil || u.Scheme+"://"+u.Host != origin {
		return "", ErrOrigin
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", ErrOrigin
	}
	switch {
	case asked == "" || asked == host:
		return host, nil
	case strings.Contains(asked, ".") && strings.HasSuffix(host, "."+asked):
		return asked, nil
	}
	return "", ErrOrigin
}

// cose is the public key as RFC 9053, section 7.1, has it.
func (k *key) cose() ([]byte, error) {
	pub, err := k.private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	return webauthncbor.Marshal(map[int]any{1: 2, 3: es256, -1: 1, -2: pub[1:33], -3: pub[33:]})
}
