package connectors

import "jali/internal/fault"

// What a dialect answers when its source does not give what was asked. Every
// other error of a dialect is a fault of ours.
var (
	// ErrUnauthorized means that the credential opens nothing any more: the
	// person has to link again.
	ErrUnauthorized = &fault.Error{Kind: fault.Upstream, Code: "source_unauthorized", Owner: fault.Person,
		Action: "reconnect", Detail: "the source does not accept this connection any more; connect it again"}
	// ErrUnsigned means that an answer was not signed by the source, or not
	// over the bytes that came: nothing of it was believed.
	ErrUnsigned = &fault.Error{Kind: fault.Upstream, Code: "source_signature", Owner: fault.Source,
		Detail: "the source's answer was not signed as it must be, and was thrown away"}
	// ErrMalformed means that an answer could not be read, or was about
	// something else than was asked.
	ErrMalformed = &fault.Error{Kind: fault.Upstream, Code: "source_malformed", Owner: fault.Source,
		Detail: "the source's answer could not be read, and was thrown away"}
	// ErrRefused means that the source understood and said no.
	ErrRefused = &fault.Error{Kind: fault.Upstream, Code: "source_refused", Owner: fault.Source,
		Detail: "the source refused to answer this"}
	// ErrDown means that the source could not be reached, failed or was too slow.
	ErrDown = &fault.Error{Kind: fault.Upstream, Code: "source_down", Owner: fault.Source,
		Detail: "the source did not answer; the rest of the view is not affected"}
	// ErrBusy means that the source wants fewer calls; RetryAfter says when.
	ErrBusy = &fault.Error{Kind: fault.Upstream, Code: "source_busy", Owner: fault.Source,
		Detail: "the source asks to be called less often"}
	// ErrMark means that the source does not know the mark it is asked to go
	// on from: the window is read anew.
	ErrMark = &fault.Error{Kind: fault.Upstream, Code: "source_mark", Owner: fault.Source,
		Detail: "the source has forgotten where it was last read to"}
	// ErrLinkRefused means that the person, or the source, broke off the link.
	ErrLinkRefused = &fault.Error{Kind: fault.Denied, Code: "link_refused", Owner: fault.Person,
		Action: "connect", Detail: "the connection was not made; nothing was stored"}
)
