package mock

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Words are told in Chinese and in English.
type Words struct{ ZH, EN string }

// Persona is a kind of life that people can be settled with.
type Persona struct {
	ID    string
	Name  Words
	About Words // in a line
}

// Personas are the kinds of people that [Town.Settle] takes, always in the same order.
func (t *Town) Personas() []Persona {
	var all []Persona
	for _, k := range personas {
		all = append(all, k.Persona)
	}
	return all
}

// kind is a persona with how its people move in.
type kind struct {
	Persona
	settle func(*mover)
}

var personas = []kind{
	{Persona{"family", Words{"一家三口", "A family"},
		Words{"父母和大学生孩子或老人：工资、房贷、家用转账、亲情卡、买菜、学费", "Two parents with a grown child or a grandparent: wages, a mortgage, money between them, a family card, groceries, school"}}, settleFamily},
	{Persona{"shop_owner", Words{"小店店主", "A shop owner"},
		Words{"微信、银联和支付宝收款，付货款和店租，经营账户与私人账户分开", "Takes WeChat Pay, UnionPay and Alipay, pays suppliers and rent; a business account and a private one"}}, settleShopOwner},
	{Persona{"student", Words{"欠花呗的学生", "A student in debt"},
		Words{"生活费和兼职工资，花呗刷满额度，只还最低还款后逾期，还借了借呗", "An allowance and odd jobs; 花呗 used to its limit, minimum payments, then overdue ones; 借呗 as well"}}, settleStudent},
	{Persona{"retiree", Words{"退休老人", "A retiree"},
		Words{"养老金、数字人民币、药店和菜场，存款多，消费少", "A pension, a wallet of e-CNY, pharmacies and markets; much saved, little spent"}}, settleRetiree},
	{Persona{"office_worker", Words{"上班族", "An office worker"},
		Words{"工资、信用卡、基金定投、网购退款，外币账户有港币、美元、日元", "A salary, a credit card, funds bought every month, refunds; accounts in HKD, USD and JPY"}}, settleOfficeWorker},
	{Persona{"newcomer", Words{"新用户", "A newcomer"},
		Words{"账户都是新开的：没有余额，没有账单", "Accounts that were opened today: no balance, no bill"}}, settleNewcomer},
	{Persona{"heavy_user", Words{"账单特别多的人", "Somebody with very much"},
		Words{"社区团购团长：一年一万多笔账单", "Buys for a whole neighbourhood: over ten thousand bills a year"}}, settleHeavyUser},
}

// mover settles the people of one home.
type mover struct {
	*world
	r      *rand.Rand
	number int
	kind   string
}

// newHome makes the home with a number. Nothing has happened in it yet.
func newHome(seed uint64, founded time.Time, number int, k kind) *world {
	own := seeded(seed, fmt.Sprint("home ", number)).Uint64()
	m := &mover{world: emptyWorld(own, founded, fmt.Sprintf("%04d", 24+number%9900)), r: seeded(own, "people"), number: number, kind: k.ID}
	m.home = true
	for range visitors {
		m.visitors = append(m.visitors, "oTown"+letters(m.r, 23))
	}
	k.settle(m)
	return m.world
}

// name is a part of a name, and how it is written in ids.
type name struct{ zh, id string }

var (
	surnames = []name{{"周", "zhou"}, {"何", "he"}, {"罗", "luo"}, {"郑", "zheng"}, {"梁", "liang"}, {"宋", "song"}, {"谢", "xie"}, {"韩", "han"},
		{"冯", "feng"}, {"董", "dong"}, {"萧", "xiao"}, {"曹", "cao"}, {"袁", "yuan"}, {"邓", "deng"}, {"傅", "fu"}, {"潘", "pan"}}
	men      = []name{{"建平", "jianping"}, {"立诚", "licheng"}, {"海峰", "haifeng"}, {"文斌", "wenbin"}, {"志远", "zhiyuan"}, {"国栋", "guodong"}, {"宇航", "yuhang"}, {"明哲", "mingzhe"}}
	women    = []name{{"慧敏", "huimin"}, {"雅琴", "yaqin"}, {"玉兰", "yulan"}, {"佳宁", "jianing"}, {"梦瑶", "mengyao"}, {"晓彤", "xiaotong"}, {"静怡", "jingyi"}, {"海棠", "haitang"}}
	youths   = []name{{"子涵", "zihan"}, {"一鸣", "yiming"}, {"若溪", "ruoxi"}, {"书瑶", "shuyao"}, {"浩然", "haoran"}, {"可欣", "kexin"}, {"思远", "siyuan"}, {"雨桐", "yutong"}}
	oldWomen = []name{{"桂兰", "guilan"}, {"秀英", "xiuying"}, {"凤珍", "fengzhen"}, {"素梅", "sumei"}}
	oldMen   = []name{{"德福", "defu"}, {"长贵", "changgui"}, {"永康", "yongkang"}, {"守仁", "shouren"}}
)

func oneOf(r *rand.Rand, of []name) name { return of[r.IntN(len(of))] }

func (m *mover) one(of []name) name { return oneOf(m.r, of) }

// person moves somebody in; their Alipay holds so much.
func (m *mover) person(surname, given name, held int64) *person {
	r, n := m.r, len(m.people)
	id := fmt.Sprintf("%s_%s_%d", surname.id, given.id, m.number)
	login := strings.ReplaceAll(id, "_", "")
	p := &person{
		index: 64 + m.number*4 + n, id: id, name: surname.zh + given.zh, persona: m.kind, login: login, password: login + "-" + digits(r, 4),
		phone: "13" + string("5689"[r.IntN(4)]) + digits(r, 8), openid: "oTown" + letters(r, 23),
		wallet: wallet{userID: "2088" + digits(r, 12), openID: letters(r, 40), opening: held, balance: held},
	}
	m.people = append(m.people, p)
	return p
}

// card opens an account at a bank of UK Open Banking, further one elsewhere or
// a wallet of 数字人民币; each holds so much, or has so high a limit.
func (m *mover) card(p *person, bank int, kind accountKind, fen int64) *account {
	a := m.account(p, bankNames[bank], kind, fen)
	p.cards = append(p.cards, a)
	return a
}

func (m *mover) further(p *person, bank string, kind accountKind, fen int64) *account {
	a := m.account(p, bankByID(bank), kind, fen)
	p.further = append(p.further, a)
	return a
}

func (m *mover) account(p *person, bank bankName, kind accountKind, fen int64) *account {
	a := m.open(m.r, bank, kind, p.name)
	if a.owes() {
		a.limit = fen
	} else {
		a.opening, a.balance = fen, fen
	}
	return a
}

// abroad opens an account in another currency beside a card.
func (m *mover) abroad(p *person, currency, product string, minor int64) *account {
	a := m.card(p, 0, debitCard, minor)
	a.currency, a.product = currency, product
	return a
}

// outside is the account of somebody who is nobody's guest: it pays and is paid.
func (m *mover) outside(holder string) *account {
	return m.open(m.r, bankNames[m.r.IntN(len(bankNames))], companyAccount, holder)
}

// opensShop gives a person a shop that takes WeChat Pay and UnionPay.
func (m *mover) opensShop(p *person, name, goods string, price [2]int64, closed int) {
	p.shop = shop{name: name, goods: strings.Fields(goods), price: price, closed: closed, subMchID: "16" + digits(m.r, 8)}
	p.shop.qr.open(m.world, p)
}

// does adds habits to a person's.
func (p *person) does(more ...habit) { p.habits = append(p.habits, more...) }
