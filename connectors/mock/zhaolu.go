package mock

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// ZhaoluAccess is what an operator holds whose company has the direct link of
// Zhaolu Bank.
type ZhaoluAccess struct {
	APIURL       string // "…/cdcserver/api/v2"
	AuthorizeURL string
	TokenURL     string
	UID          string
	Key          string // the user's SM2 key, PKCS #8 PEM
	SM4Key       string // 16 characters
	BankKey      string // the bank's SM2 key, PKIX PEM
}

const (
	zhaoluPath    = "/bank/" + ZhaoluBank
	zhaoluUID     = "U009309501"
	zhaoluCodeFor = 10 * time.Minute
	zhaoluSkew    = time.Hour
	zhaoluPage    = 5 // where the bank has 200, so that pages are turned
	zhaoluUserKey = "zhaolu_user"
	zhaoluBankKey = "zhaolu_bank"
	zhaoluBlank   = "__signature_sigdat__"
)

// zhaoluKeys are what both sides sign with.
type zhaoluKeys struct{ user, bank *sm2.PrivateKey }

// openZhaolu reads the keys that st has, or makes and keeps them.
func openZhaolu(st *state) (zhaoluKeys, error) {
	var out zhaoluKeys
	err := st.change(func() error {
		for name, to := range map[string]**sm2.PrivateKey{zhaoluUserKey: &out.user, zhaoluBankKey: &out.bank} {
			if block, _ := pem.Decode([]byte(st.Keys[name])); block != nil {
				key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
				own, ok := key.(*sm2.PrivateKey)
				if err != nil || !ok {
					return errors.New("a key of the town is not SM2")
				}
				*to = own
				continue
			}
			key, err := sm2.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			der, err := smx509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return err
			}
			*to, st.Keys[name] = key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}
		return nil
	})
	return out, err
}

// Zhaolu answers the operator's registration.
func (t *Town) Zhaolu() ZhaoluAccess {
	at := t.cfg.BaseURL + zhaoluPath
	user, err := smx509.MarshalPKCS8PrivateKey(t.zhaolu.user)
	bank, err2 := smx509.MarshalPKIXPublicKey(&t.zhaolu.bank.PublicKey)
	if err != nil || err2 != nil {
		return ZhaoluAccess{} // keys that were just made are keys
	}
	return ZhaoluAccess{APIURL: at + "/cdcserver/api/v2", AuthorizeURL: at + "/oauth2/authorize", TokenURL: at + "/oauth2/token", UID: zhaoluUID,
		Key:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: user})),
		SM4Key:  t.zhaoluSM4(),
		BankKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: bank}))}
}

func (t *Town) zhaoluSM4() string { return letters(seeded(t.cfg.Seed, "sm4 of zhaolu"), 16) }

func (t *Town) serveZhaolu(mux *http.ServeMux) {
	mux.HandleFunc("GET "+zhaoluPath+"/oauth2/authorize", t.zhaoluAuthorize)
	mux.HandleFunc("POST "+zhaoluPath+"/oauth2/authorize", t.zhaoluAuthorize)
	mux.HandleFunc("POST "+zhaoluPath+"/oauth2/token", t.zhaoluToken)
	mux.HandleFunc("POST "+zhaoluPath+"/cdcserver/api/v2", t.zhaoluServer)
}

// zhaoluCounter is one request to the direct link.
type zhaoluCounter struct {
	t    *Town
	x    Trouble
	w    http.ResponseWriter
	now  time.Time
	head zhaoluHead
	body json.RawMessage
}

type zhaoluHead struct {
	Funcode string `json:"funcode"`
	UserID  string `json:"userid"`
	ReqID   string `json:"reqid"`
}

// refuse is the gateway's own word, neither sealed nor signed.
func (c zhaoluCounter) refuse(words string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte("CDCServer:" + words))
}

func (t *Town) zhaoluServer(w http.ResponseWriter, r *http.Request) {
	x, well := t.zhaoluWell(w, r)
	if !well {
		return
	}
	c := zhaoluCounter{t: t, x: x, w: w, now: t.cfg.Now()}
	if r.ParseForm() != nil || r.PostForm.Get("UID") != zhaoluUID || r.PostForm.Get("ALG") != "SM" {
		c.refuse("参数错误")
		return
	}
	text, err := t.zhaoluOpen(r.PostForm.Get("DATA"))
	if err != nil {
		c.refuse("报文解密失败")
		return
	}
	var whole struct {
		Request struct {
			Head zhaoluHead      `json:"head"`
			Body json.RawMessage `json:"body"`
		} `json:"request"`
		Signature struct {
			Sigdat string `json:"sigdat"`
			Sigtim string `json:"sigtim"`
		} `json:"signature"`
	}
	sorted, err := zhaoluSorted(text)
	if err != nil || json.Unmarshal(sorted, &whole) != nil {
		c.refuse("报文格式错误")
		return
	}
	blank := bytes.Replace(sorted, []byte(`"sigdat":"`+whole.Signature.Sigdat+`"`), []byte(`"sigdat":"`+zhaoluBlank+`"`), 1)
	at, err := time.ParseInLocation("20060102150405", whole.Signature.Sigtim, beijing)
	h := whole.Request.Head
	switch {
	case err != nil || c.now.Sub(at).Abs() > zhaoluSkew:
		c.refuse("签名时间超出范围")
	case !zhaoluSigned(&t.zhaolu.user.PublicKey, blank, whole.Signature.Sigdat):
		c.refuse("验签失败")
	case h.UserID != zhaoluUID || h.Funcode != r.PostForm.Get("FUNCODE"):
		c.refuse("请求头与参数不一致")
	case len(h.ReqID) < 18 || len(h.ReqID) > 51 || strings.Trim(h.ReqID[:17], "0123456789") != "":
		c.refuse("reqid格式错误")
	case !t.once(t.nonces, "zhaolu "+h.ReqID, 2*zhaoluSkew):
		c.refuse("reqid重复")
	default:
		c.head, c.body = h, whole.Request.Body
		switch h.Funcode {
		case "TotalAccountDirect":
			c.totalAccounts()
		case "NTQADINF":
			c.balances()
		case "trsQryByBreakPoint":
			c.transactions()
		default:
			c.say("FABZ002", "业务条件检查失败", struct{}{})
		}
	}
}

var zhaoluSums = regexp.MustCompile(`(blv)":`)

// say seals and signs an answer.
func (c zhaoluCounter) say(code, words string, body any) {
	type head struct {
		zhaoluHead
		Rspid string `json:"rspid"`
		Code  string `json:"resultcode"`
		Msg   string `json:"resultmsg"`
		Biz   string `json:"bizcode"`
	}
	var whole struct {
		Response struct {
			Head head `json:"head"`
			Body any  `json:"body"`
		} `json:"response"`
		Signature struct {
			Sigtim string `json:"sigtim"`
			Sigdat string `json:"sigdat"`
		} `json:"signature"`
	}
	whole.Response.Head, whole.Response.Body = head{zhaoluHead: c.head, Rspid: rand.Text(), Code: code, Msg: words}, body
	whole.Signature.Sigtim, whole.Signature.Sigdat = c.now.In(beijing).Format("20060102150405"), zhaoluBlank
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ") // what is signed is another text than what is sent
	if e.Encode(whole) != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	text := c.x.spoil(b.Bytes())
	if c.x.Drift {
		text = zhaoluSums.ReplaceAll(text, []byte(`${1}_v2":`))
	}
	sorted, err := zhaoluSorted(text)
	if c.x.Forged {
		sorted = append(sorted, ' ')
	}
	if err != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	signature, err := zhaoluSigns(c.t.zhaolu.bank, sorted)
	if err != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	text = bytes.Replace(text, []byte(zhaoluBlank), []byte(signature), 1)
	fill := 16 - len(text)%16
	text = append(text, bytes.Repeat([]byte{byte(fill)}, fill)...)
	cipher.NewCBCEncrypter(c.t.zhaoluCipher(), zhaoluID()).CryptBlocks(text, text)
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte(base64.StdEncoding.EncodeToString(text)))
}
