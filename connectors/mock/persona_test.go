package mock

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// homesAtNoon are shared by tests that only read.
var homesAtNoon = sync.OnceValue(func() map[string][]*world { return homesOf(noon) })

// homesOf makes three homes of each persona, with all that happened by now.
func homesOf(now time.Time) map[string][]*world {
	all := map[string][]*world{}
	for i, k := range personas {
		for n := range 3 {
			w := newHome(11, founding(now), 3*i+n+1, k)
			w.until(now)
			all[k.ID] = append(all[k.ID], w)
		}
	}
	return all
}

// addsUp answers what is wrong with the books of everybody in a world.
func addsUp(w *world, now time.Time) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	type atBank struct {
		a *account
		bankRow
	}
	type inWallet struct {
		p *person
		walletRow
	}
	byRef, byOrder := map[string][]atBank{}, map[string][]inWallet{}
	for _, a := range w.accounts {
		for _, x := range a.rows {
			byRef[x.ref] = append(byRef[x.ref], atBank{a, x})
		}
	}
	for _, p := range w.people {
		for _, x := range p.wallet.rows {
			byOrder[x.order] = append(byOrder[x.order], inWallet{p, x})
		}
	}
	for _, a := range w.accounts {
		last, held := time.Time{}, a.opening
		for i, x := range a.rows {
			if held += x.amount; x.balance != held || x.at.Before(last) {
				say("%s: row %d is out of order or does not add up", a.product, i)
			}
			last = x.at
			if least := -a.limit; a.kind != companyAccount && x.balance < least && x.sub != "INTR" && a.kind != creditLine {
				say("%s: row %d is beyond what there is: %d", a.product, i, x.balance)
			}
			if x.other != nil && !slices.ContainsFunc(byRef[x.ref], func(y atBank) bool {
				return y.a == x.other && y.other == a && y.at.Equal(x.at) && (y.amount == -x.amount || a.currency != x.other.currency && y.amount < 0 != (x.amount < 0))
			}) {
				say("%s: %s of %s does not stand on the other side", a.product, x.info, x.ref)
			}
		}
		if held != a.balance {
			say("%s holds %d, and its rows come to %d", a.product, a.balance, held)
		}
		for _, s := range a.statements(now) {
			owed := a.opening
			for _, x := range a.rows {
				if x.at.Before(s.to) {
					owed += x.amount
				}
			}
			if s.owed != -owed || s.due > s.owed || s.minimum > s.due {
				say("%s: the statement of %v asks for %d, at least %d, of %d; %d are owed", a.product, s.to, s.due, s.minimum, s.owed, -owed)
			}
		}
	}
	orders := map[string]int{}
	for _, p := range w.people {
		held, last := p.wallet.opening, time.Time{}
		for i, x := range p.wallet.rows {
			if moved := x.balance - held; (moved != x.amount && moved != 0) || x.balance < 0 || x.at.Before(last) || len(x.order) != 28 {
				say("%s: wallet row %d is out of order or does not add up", p.id, i)
			}
			held, last = x.balance, x.at
			card := x.memo[strings.LastIndex(x.memo, " ")+1:]
			switch {
			case x.kind == "交易付款" && card == familyCard:
				if !slices.ContainsFunc(byOrder[x.order], func(y inWallet) bool {
					return y.p != p && y.amount == x.amount && strings.HasPrefix(y.memo, familyCard)
				}) {
					say("%s: nobody has paid what the family card bought, %s", p.id, x.order)
				}
			case x.kind == "转账" || x.kind == "红包":
				if !slices.ContainsFunc(byOrder[x.order], func(y inWallet) bool { return y.p != p && y.amount == -x.amount }) {
					say("%s: %s %s stands on one side alone", p.id, x.kind, x.order)
				}
			case strings.HasSuffix(card, "余额"), x.kind == "收款", x.kind == "其它", x.kind == "收费", x.kind == "红包":
			default:
				amount := x.amount
				if x.kind == "充值" || x.kind == "提现" {
					amount = -amount
				}
				n := 0
				for _, y := range byRef[x.order] {
					if slices.Contains(p.accounts(), y.a) && y.a.card() == card && y.amount == amount && y.at.Equal(x.at) {
						n++
					}
				}
				if n != 1 {
					say("%s: %s %s by %q stands %d times in the bank", p.id, x.kind, x.order, card, n)
				}
			}
			if x.kind == "交易付款" && !strings.HasPrefix(x.memo, familyCard) {
				orders[x.order]++
			}
		}
		if !p.sells() {
			continue
		}
		available, pending := p.shop.standing(w.today.Add(-1)) // the day has been lived to its end
		if available+pending != p.shop.balance {
			say("%s: the shop holds %d, and its book comes to %d", p.id, p.shop.balance, available+pending)
		}
		for _, x := range p.shop.trades {
			if x.refund == "" {
				orders[x.order]++
			}
			if len(x.order) != 28 {
				say("%s: order number %s", p.id, x.order)
			}
		}
		for _, x := range p.shop.paid {
			if !slices.ContainsFunc(byRef[x.ref], func(y atBank) bool { return y.a == p.takings() && y.amount == x.fen }) {
				say("%s: a payout of %d never came", p.id, x.fen)
			}
		}
	}
	for order, n := range orders {
		if n > 1 {
			say("order %s was given %d times", order, n)
		}
	}
	return wrong
}

// What is checked finds a fault that is planted, in each kind of book.
func TestABookThatDoesNotAddUpIsSeen(t *testing.T) {
	for why, spoil := range map[string]func(*world){
		"a row that was never written":        func(w *world) { a := w.people[0].debit(); a.rows = slices.Delete(slices.Clone(a.rows), 5, 6) },
		"a wallet with another balance":       func(w *world) { w.people[1].wallet.rows[9].balance++ },
		"a transfer to nobody":                func(w *world) { w.people[2].wallet.rows = nil },
		"two rows in the wrong order":         func(w *world) { rows := w.people[0].debit().rows; rows[3], rows[4] = rows[4], rows[3] },
		"a balance that no row has come to":   func(w *world) { w.people[0].debit().balance++ },
		"an opening that the rows know not":   func(w *world) { w.people[0].credit().opening -= 7 },
		"a card payment over another sum":     func(w *world) { spoilCard(w, func(x *bankRow) { x.amount -= 1; x.balance -= 1 }) },
		"a card payment under another number": func(w *world) { spoilCard(w, func(x *bankRow) { x.ref += "0" }) },
	} {
		w := newHome(11, founding(noon), 1, personas[0])
		w.until(noon)
		if wrong := addsUp(w, noon); len(wrong) > 0 {
			t.Fatalf("before it is spoilt: %s", wrong[0])
		}
		spoil(w)
		if len(addsUp(w, noon)) == 0 {
			t.Errorf("%s is not seen", why)
		}
	}
}

func spoilCard(w *world, change func(*bankRow)) {
	for _, a := range w.people[0].cards {
		for i := range a.rows {
			if strings.HasPrefix(a.rows[i].info, "支付宝-") {
				change(&a.rows[i])
				return
			}
		}
	}
}

func TestEveryPersonasBooksAddUp(t *testing.T) {
	later := noon.AddDate(0, 5, 3)
	for now, all := range map[time.Time]map[string][]*world{noon: homesAtNoon(), later: homesOf(later)} {
		for id, homes := range all {
			for _, w := range homes {
				for i, wrong := range addsUp(w, now) {
					if t.Errorf("%s, %v: %s", id, now, wrong); i > 5 {
						break
					}
				}
			}
		}
	}
}

// Everybody has at least three institutions, the founders' history, and what
// their persona is there for.
func TestPersonasAreWhatTheySay(t *testing.T) {
	tt := startTown(t, 12)
	institutions := []string{Alipay, WeChatPay, UnionPay, XiheBank, Qingshi, DonglingBank, ZhaoluBank, bankNames[0].id, bankNames[1].id}
	for _, k := range tt.Personas() {
		if k.Name.ZH == "" || k.Name.EN == "" || k.About.ZH == "" || k.About.EN == "" {
			t.Errorf("%s lacks words", k.ID)
		}
		who, err := tt.Settle(k.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 3, false: 1}[k.ID == "family"]; len(who) != want || who[0].Persona != k.ID {
			t.Errorf("%s: %d people moved in", k.ID, len(who))
		}
		for _, one := range who {
			n := 0
			for _, id := range institutions {
				if tt.Serves(id, one.ID) {
					n++
				}
			}
			if n < 3 {
				t.Errorf("%s has %d institutions", one.ID, n)
			}
		}
	}
	year := noon.AddDate(-1, 0, 0)
	for id, homes := range homesAtNoon() {
		for _, w := range homes {
			p := w.people[0]
			kinds, words := map[string]int{}, map[string]int{}
			bills := 0
			for _, x := range p.wallet.rows {
				kinds[x.kind]++
				if x.at.After(year) {
					bills++
				}
			}
			currencies := map[string]bool{}
			for _, a := range p.accounts() {
				currencies[a.currency] = true
				for _, x := range a.rows {
					words[x.info]++
					if x.at.After(year) {
						bills++
					}
				}
			}
			want := func(what string, is bool) {
				t.Helper()
				if !is {
					t.Errorf("%s: %s", p.id, what)
				}
			}
			switch id {
			case "family":
				want("a mortgage every month", words["个人住房贷款还款"] >= 14)
				want("money for the house", words["家用"] >= 14)
			case "shop_owner":
				want("sells by WeChat Pay and UnionPay", len(p.shop.trades) > 3000 && len(p.shop.qr.sales) > 100)
				want("and by Alipay", kinds["收款"] > 500)
				want("pays suppliers from the business card alone", words["货款"] > 100 && !slices.ContainsFunc(p.debit().rows, func(x bankRow) bool { return x.info == "货款" }))
				want("is paid out to the business card alone", !slices.ContainsFunc(p.debit().rows, func(x bankRow) bool { return strings.Contains(x.info, "商户") }))
				want("takes something out of it", words["经营收入转入"] >= 2*14)
			case "student":
				studentIsInDebt(t, p, noon)
			case "retiree":
				want("a pension", words["养老金"] >= 13)
				want("a wallet of e-CNY", p.ecny() != nil && len(p.ecny().rows) > 300)
			case "office_worker":
				want("a salary", words["代发工资"] >= 14)
				want("funds", kinds["申购"] > 60 && kinds["赎回"] > 2)
				want("refunds", kinds["交易退款"] > 30)
				want("money of three other currencies", len(currencies) == 4 && currencies[hkd] && currencies[usd] && currencies[jpy])
			case "newcomer":
				want("nothing at all", bills == 0 && p.wallet.opening == 0 && p.debit().opening == 0 && p.at(ZhaoluBank, savings).balance == 0)
			case "heavy_user":
				want(fmt.Sprintf("10,000 bills a year, and not %d", bills), bills >= 10_000)
			}
		}
	}
	if len(personas) != 7 {
		t.Errorf("there are %d personas: this test knows of seven", len(personas))
	}
}

// studentIsInDebt: whenever one looks, 花呗 is used to its limit, what the last
// statements asked for was not paid when it was due, and 借呗 is owed too.
func studentIsInDebt(t *testing.T, p *person, now time.Time) {
	t.Helper()
	line, lent := p.at(Qingshi, creditLine), p.at(Qingshi, loan)
	all := line.statements(now)
	full, least, overdue := 0, 0, 0
	for _, s := range all {
		switch due := s.dueOn.AddDate(0, 0, 1); {
		case s.owed == 0:
		case s.settled():
			full++
		case s.paid >= s.minimum:
			least++
		case due.Before(now):
			overdue++
		}
	}
	last := all[len(all)-1]
	for !last.dueOn.AddDate(0, 0, 1).Before(now) { // closed, and not due yet
		all = all[:len(all)-1]
		last = all[len(all)-1]
	}
	if full == 0 || least < 3 || overdue < 3 || last.paid >= last.minimum {
		t.Errorf("%s: %d statements were paid, of %d the minimum, %d are overdue, and the last asks for %d of %d and was paid %d", p.id, full, least, overdue, last.minimum, last.due, last.paid)
	}
	if line.balance > -line.limit*9/10 || lent.balance >= 0 {
		t.Errorf("%s owes %d of %d, and %d", p.id, line.balance, line.limit, lent.balance)
	}
	if !slices.ContainsFunc(line.rows, func(x bankRow) bool { return x.info == "花呗-逾期利息" }) {
		t.Errorf("%s: being late costs nothing", p.id)
	}
}

func TestAStudentStaysInDebt(t *testing.T) {
	for _, now := range []time.Time{noon, noon.AddDate(0, 0, 20), noon.AddDate(0, 3, 0), noon.AddDate(1, 0, 9)} {
		w := newHome(3, founding(noon), 4, personas[2])
		w.until(now)
		studentIsInDebt(t, w.people[0], now)
	}
}

// What the members of a family give one another stands in both their books.
func TestAFamilysTransfersStandOnBothSides(t *testing.T) {
	for _, w := range homesAtNoon()["family"] {
		father, mother, third := w.people[0], w.people[1], w.people[2]
		between := func(from, to *person) (n int) {
			for _, a := range from.accounts() {
				for _, x := range a.rows {
					if x.amount < 0 && x.other != nil && slices.Contains(to.accounts(), x.other) {
						n++
					}
				}
			}
			for _, x := range from.wallet.rows {
				for _, y := range to.wallet.rows {
					if x.order == y.order && x.amount == -y.amount && x.amount < 0 {
						n++
					}
				}
			}
			return n
		}
		cards := 0
		for _, x := range third.wallet.rows {
			if strings.HasSuffix(x.memo, familyCard) {
				cards++
			}
		}
		if between(father, mother) < 12 || between(father, third) < 2 || between(mother, third) < 2 || cards < 50 {
			t.Errorf("%s: %d and %d and %d transfers, %d payments by the family card", father.id, between(father, mother), between(father, third), between(mother, third), cards)
		}
	}
}

// Who is settled follows from the seed and the number alone, is there after a
// restart, and nobody else's past has changed.
func TestSettledPeopleAreThereAgain(t *testing.T) {
	dir := t.TempDir()
	open := func(dir string, now time.Time) *Town {
		town, err := found(Config{Seed: 21, Now: func() time.Time { return now }, Dir: dir}, sharedKeys())
		if err != nil {
			t.Fatal(err)
		}
		return town
	}
	show := func(town *Town) string {
		var b strings.Builder
		town.read(noon, func() {
			for _, p := range town.people() {
				fmt.Fprintln(&b, p.id, p.name, p.login, p.password, p.phone, upTo(p.wallet.rows, noon, func(x walletRow) time.Time { return x.at }))
				for _, a := range p.accounts() {
					fmt.Fprintln(&b, a.number, a.id)
					for _, x := range a.bankRows(noon) {
						fmt.Fprintln(&b, x.at, x.amount, x.balance, x.ref, x.info)
					}
				}
			}
		})
		return b.String()
	}
	alone := open("", noon)
	founders := show(alone)
	first := open(dir, noon)
	var family []Person
	for _, k := range []string{"family", "newcomer", "heavy_user"} {
		who, err := first.Settle(k)
		if err != nil {
			t.Fatal(err)
		}
		if k == "family" {
			family = who
		}
	}
	if err := first.Remove(family[1].ID); err != nil {
		t.Fatal(err)
	}
	was := show(first)
	if !strings.HasPrefix(was, founders) {
		t.Error("the founders' past has changed by who moved in")
	}
	again := open(dir, noon.AddDate(0, 3, 0))
	if show(again) != was {
		t.Error("after a restart they are others, or did other things")
	}
	if !slices.Equal(again.People()[:12], alone.People()) || len(again.People()) != 12+4 || !slices.Equal(again.People(), first.People()) {
		t.Errorf("%d people are there after a restart", len(again.People()))
	}
	next, err := again.Settle("newcomer")
	if err != nil || slices.ContainsFunc(first.People(), func(p Person) bool { return p.ID == next[0].ID }) {
		t.Errorf("the next to move in is %v, %v", next, err)
	}
	twin := open("", noon)
	for _, k := range []string{"family", "newcomer", "heavy_user", "newcomer"} {
		if next, err = twin.Settle(k); err != nil {
			t.Fatal(err)
		}
	}
	if twin.People()[len(twin.People())-1] != again.People()[len(again.People())-1] {
		t.Error("the same number gave two people")
	}
}

func TestStateOfOtherVersions(t *testing.T) {
	open := func(change func(string) string) error {
		dir := t.TempDir()
		config := Config{Seed: 6, Now: func() time.Time { return noon }, Dir: dir}
		if _, err := found(config, sharedKeys()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "town.json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(change(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = found(config, sharedKeys())
		return err
	}
	for _, tt := range []struct {
		why, from, to string
		err           error
	}{
		{"as it is", "", "", nil},
		{"before versions", `"Version":1,`, "", nil},
		{"of a newer town", `"Version":1,`, `"Version":2,`, ErrState},
		{"with a persona that is not known", `"Homes":0`, `"Homes":1,"Settled":[{"Number":1,"Persona":"astronaut"}]`, ErrState},
	} {
		if err := open(func(s string) string { return strings.Replace(s, tt.from, tt.to, 1) }); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.err)
		}
	}
}

// Reset ends what a person has agreed to and leaves them as they are; who is
// removed is nobody any more, but their numbers stay canaries.
func TestResetAndRemove(t *testing.T) {
	tt := startTown(t, 13)
	who, err := tt.Settle("shop_owner")
	if err != nil {
		t.Fatal(err)
	}
	p := who[0]
	token := func() string { return walkAlipay(t, tt, p) }
	balance := func(token string) string {
		return alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {token}}, true))
	}
	held := func(shop string) int {
		return tt.wechatCall(t, "/wechatpay/v3/ecommerce/fund/balance/"+shop, nil).status
	}
	alipay, shop := token(), walkWeChatPay(t, tt, p)
	access := walkBank(t, tt, tt.Banks()[0], p)
	other := walkAlipay(t, tt, tt.People()[0])
	if balance(alipay) != "10000" || held(shop) != 200 {
		t.Fatalf("before: %s, %d", balance(alipay), held(shop))
	}
	bank := func() int { res, _ := tt.bankGet(t, tt.Banks()[0].APIBase+"/accounts", access); return res.StatusCode }
	if bank() != 200 {
		t.Fatalf("before, the bank answers %d", bank())
	}
	if err := tt.Reset(p.ID); err != nil {
		t.Fatal(err)
	}
	if balance(alipay) == "10000" || held(shop) != 403 || bank() == 200 {
		t.Errorf("after a reset: %s, %d, %d", balance(alipay), held(shop), bank())
	}
	if balance(other) != "10000" {
		t.Errorf("somebody else's answers %s", balance(other))
	}
	alipay = token()
	if again := walkWeChatPay(t, tt, p); again != shop || held(shop) != 200 || balance(alipay) != "10000" {
		t.Errorf("agreed to anew: shop %s, %d, %s", again, held(shop), balance(alipay))
	}

	numbers := tt.personByID(p.ID).accounts()
	if err := tt.Remove(p.ID); err != nil {
		t.Fatal(err)
	}
	if balance(alipay) == "10000" || held(shop) != 403 || tt.Serves(Alipay, p.ID) || slices.Contains(tt.People(), p) {
		t.Errorf("after they left: %s, %d", balance(alipay), held(shop))
	}
	if res, _ := tt.do(t, post(t, tt.alipayPage(), url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}})); res.StatusCode != 401 {
		t.Errorf("their login answers %d", res.StatusCode)
	}
	if len(numbers) == 0 || !slices.Contains(tt.Canaries(), numbers[0].number) || !slices.Contains(tt.Canaries(), alipay) {
		t.Error("their numbers or tokens are no canaries any more")
	}
	for why, e := range map[string]struct{ got, want error }{
		"reset of who has left":     {tt.Reset(p.ID), ErrNoPerson},
		"removal of who has left":   {tt.Remove(p.ID), ErrNoPerson},
		"removal of who never was":  {tt.Remove("nobody"), ErrNoPerson},
		"removal of a founder":      {tt.Remove(tt.People()[0].ID), ErrNative},
		"reset of a founder":        {tt.Reset(tt.People()[0].ID), nil},
		"a persona that is unknown": {func() error { _, err := tt.Settle("astronaut"); return err }(), ErrNoPersona},
	} {
		if !errors.Is(e.got, e.want) {
			t.Errorf("%s: %v, want %v", why, e.got, e.want)
		}
	}
}

// A shop's page turns away who has none.
func TestWhoHasNoShopIsToldSo(t *testing.T) {
	tt := startTown(t, 14)
	who, err := tt.Settle("student")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"login": {who[0].Login}, "password": {who[0].Password}, "decision": {"agree"}}
	if res, body := tt.do(t, post(t, tt.wechatPage(), form)); res.StatusCode != 400 || !strings.Contains(string(body), "没有") {
		t.Errorf("WeChat Pay answers %d", res.StatusCode)
	}
	if tt.Serves(WeChatPay, who[0].ID) || tt.Serves(UnionPay, who[0].ID) || tt.personByShop("") != nil || tt.personByTill("") != nil {
		t.Error("somebody without a shop has one")
	}
}

// People move in and out while others read.
func TestTheTownServesWhilePeopleMove(t *testing.T) {
	tt := startTown(t, 15)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 6 {
				who, err := tt.Settle("family")
				if err != nil {
					t.Error(err)
					return
				}
				for _, p := range who {
					if err := errors.Join(tt.Withdraw(Alipay, p.ID), tt.Reset(p.ID), tt.Remove(p.ID)); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				tt.Canaries()
				for _, p := range tt.People() {
					tt.Serves(Alipay, p.ID)
				}
				tt.read(noon, func() {})
			}
		})
	}
	wg.Wait()
	if len(tt.People()) != 12 || len(tt.roster().homes) != 0 || len(tt.state.Settled) != 0 {
		t.Errorf("%d people are left", len(tt.People()))
	}
}

func TestATownIsFullAtAThousand(t *testing.T) {
	tt := startTown(t, 16)
	settle := func() (err error) { _, err = tt.Settle("newcomer"); return err }
	for range mostSettled {
		if err := settle(); err != nil {
			t.Fatal(err)
		}
	}
	if err := settle(); !errors.Is(err, ErrTownFull) {
		t.Fatalf("a thousand and first: %v", err)
	}
	if err := errors.Join(tt.Remove(tt.People()[12].ID), settle()); err != nil {
		t.Errorf("once one has left: %v", err)
	}
}

// BenchmarkSettle is what a call waits for, and then the first reader.
func BenchmarkSettle(b *testing.B) {
	for _, k := range personas {
		for _, lived := range []bool{false, true} {
			b.Run(k.ID+map[bool]string{false: "", true: "/lived"}[lived], func(b *testing.B) {
				for n := 0; b.Loop(); n++ {
					w := newHome(1, founding(noon), n, k)
					if lived {
						w.until(noon)
					}
				}
			})
		}
	}
}
