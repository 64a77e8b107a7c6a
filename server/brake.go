package server

import (
	"github.com/labstack/echo/v4"

	"jali/internal/brake"
	"jali/internal/fault"
)

// Brakes of the data API; a nil one allows everything.
type Brakes struct {
	Address *brake.Brake
	Grant   *brake.Brake
}

// guessWeight is how many tries a refused token or proof costs an address
// beyond its own.
const guessWeight = 9

// braked authenticates a request: what its address has left is asked before
// any work is done, and what its grant has left once the token is known to be
// the sender's.
func (s *Server) braked(c echo.Context) (Caller, error) {
	r, h := c.Request(), c.Response().Header()
	address := brake.Address(r.RemoteAddr)
	if a := s.Brakes.Address.Take(address); !a.OK {
		a.Tell(h)
		return Caller{}, a.Err()
	}
	caller, err := s.Authenticate(h, r)
	if err != nil {
		switch fault.Of(err).Code {
		case "invalid_token", "invalid_dpop_proof": // and neither a nonce to fetch nor a grant that has ended
			s.Brakes.Address.Charge(address, guessWeight)
		}
		return Caller{}, err
	}
	a := s.Brakes.Grant.Take(string(caller.Grant))
	a.Tell(h)
	return caller, a.Err()
}
