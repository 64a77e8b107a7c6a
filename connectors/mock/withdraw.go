package mock

import "time"

// Withdraw ends all that a person has agreed to at an institution, as they
// would there: at a bank of UK Open Banking, at Xihe Bank and at Qingshi their
// consents end; elsewhere the tokens do, and a shop is the operator's no more
// until its owner agrees anew.
func (t *Town) Withdraw(institution, personID string) error {
	return t.state.change(func() error {
		t.state.withdraw(institution, personID, t.cfg.Now())
		return nil
	})
}

// forget is Withdraw everywhere.
func (t *Town) forget(personID string) error {
	return t.state.change(func() error {
		now := t.cfg.Now()
		for _, id := range []string{Alipay, WeChatPay, UnionPay, XiheBank, Qingshi, DonglingBank, ZhaoluBank} {
			t.state.withdraw(id, personID, now)
		}
		for _, b := range bankNames {
			t.state.withdraw(b.id, personID, now)
		}
		return nil
	})
}

// withdraw is called inside change.
func (s *state) withdraw(institution, personID string, now time.Time) {
	switch institution {
	case XiheBank:
		for _, k := range s.Xihe {
			if k.Person == personID && k.Status == "valid" {
				k.Status = "revokedByPsu"
			}
		}
	case Qingshi:
		for id, g := range s.FDX.Grants {
			if g.Person == personID && g.status(now) == "ACTIVE" {
				g.Ended, g.Reason, g.Initiator = now, "USER_ACTION", "INDIVIDUAL"
				s.spend(id)
			}
		}
	case WeChatPay, UnionPay: // what is asked about a shop carries no token of its owner
		if s.Left == nil {
			s.Left = map[string]bool{}
		}
		s.Left[institution+"/"+personID] = true
		fallthrough
	case Alipay, DonglingBank, ZhaoluBank:
		for _, p := range s.Passes {
			if p.Institution == institution && p.Person == personID {
				p.Spent = true
			}
		}
	default:
		for _, k := range s.Consents {
			if k.Bank == institution && k.Person == personID && k.Status == "AUTH" {
				k.Status, k.Updated = "CANC", now
			}
		}
	}
}

// join puts a shop under the operator again. It is called inside change.
func (s *state) join(institution, personID string) { delete(s.Left, institution+"/"+personID) }

func (s *state) left(institution, personID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Left[institution+"/"+personID]
}
