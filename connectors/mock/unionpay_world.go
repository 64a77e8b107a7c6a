package mock

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// till is what a shop takes by the QR code of UnionPay, as a merchant of an
// acquirer, who pays it out to the owner's bank every morning.
type till struct {
	merID  string // 商户代码
	openID string // of the owner at 云闪付
	sales  []sale
	paid   int64
}

// sale is a payment by UnionPay, or what is given back of one.
type sale struct {
	at          time.Time
	query       string // 查询流水号
	order       string // the shop's
	trace       string // 系统跟踪号
	card        string // as the shop is told it
	amount, fee int64
	of          *sale // what this gives back
}

// net is what is settled: without the fee, and below zero for a refund.
func (s sale) net() int64 {
	if s.of != nil {
		return s.fee - s.amount
	}
	return s.amount - s.fee
}

func (t *till) open(w *world, p *person) {
	r := seeded(w.seed, "unionpay "+p.id)
	t.merID, t.openID = "8983101"+digits(r, 8), letters(r, 64)
}

// settlement is the settlement date of a moment, which begins at 23:00 of the
// day before.
func settlement(at time.Time) time.Time {
	y, m, d := at.In(beijing).Add(time.Hour).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, beijing)
}

// on are the sales of a settlement date by now.
func (t *till) on(date, now time.Time) []sale {
	var all []sale
	for _, s := range t.sales {
		if settlement(s.at).Equal(date) && !s.at.After(now) {
			all = append(all, s)
		}
	}
	return all
}

// byUnionPay is what strangers to the town buy at p's shop on a day, and that
// it is paid out.
func (w *world) byUnionPay(p *person, day time.Time) []happening {
	r := rand.New(rand.NewPCG(w.seed, uint64(day.Unix())*64+uint64(16+p.index)))
	plan := []happening{{day.Add(8*time.Hour + time.Duration(r.IntN(1800))*time.Second), w.clear(p)}}
	for range 2 {
		_, fen := p.shop.offer(r)
		at := day.Add(10*time.Hour + time.Duration(r.IntN(14*60*60-1))*time.Second)
		chance, regret, card := r.IntN(100), r.IntN(100), "62"+digits(r, 4)+"******"+digits(r, 4)
		if int(day.Weekday()) != p.shop.closed && chance < 40 {
			plan = append(plan, happening{at, w.sellByUnionPay(p, card, fen, regret < 6)})
		}
	}
	return plan
}

func (w *world) sellByUnionPay(p *person, card string, fen int64, regret bool) func(time.Time) {
	return func(at time.Time) {
		s := &sale{at: at, query: w.number("79", at, 21), order: w.number("U", at, 20), card: card, amount: fen, fee: (fen*38 + 5000) / 10000}
		s.trace = fmt.Sprintf("%06d", w.serial%1_000_000)
		till := &p.shop.qr
		till.sales = append(till.sales, *s)
		if !regret {
			return
		}
		w.putOff(at.Add(26*time.Hour), func(at time.Time) {
			back := sale{at: at, query: w.number("79", at, 21), order: w.number("UR", at, 20), card: card, amount: s.amount, fee: s.fee, of: s}
			back.trace = fmt.Sprintf("%06d", w.serial%1_000_000)
			till.sales = append(till.sales, back)
		})
	}
}

// clear pays out what has been settled by the evening before. What is below
// zero waits for other sales.
func (w *world) clear(p *person) func(time.Time) {
	return func(at time.Time) {
		till, due := &p.shop.qr, -p.shop.qr.paid
		for _, s := range till.sales {
			if settlement(s.at).Before(settlement(at)) {
				due += s.net()
			}
		}
		if due <= 0 {
			return
		}
		till.paid += due
		p.takings().post(bankRow{at: at, amount: due, info: "银联商户清算-" + p.shop.name, ref: w.number("PS", at, 22), family: "RCDT", sub: "DMCT", own: "代付"})
	}
}
