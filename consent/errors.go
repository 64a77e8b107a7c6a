package consent

import "jali/internal/fault"

var (
	// ErrNoGrant answers for a grant that is unknown, somebody else's or not
	// decided: nobody learns which.
	ErrNoGrant = &fault.Error{Kind: fault.NotFound, Code: "grant_not_found",
		Detail: "there is no such grant"}

	// ErrSpent is returned by [Service.Spend] for a grant with no uses left.
	// It is final: the client must ask the person again.
	ErrSpent = &fault.Error{Kind: fault.Denied, Code: "grant_spent", Action: "ask_again",
		Detail: "this grant has been used up; ask the person again"}

	// ErrSpentToday is a daily grant that has no use left until RetryAfter.
	ErrSpentToday = &fault.Error{Kind: fault.Limited, Code: "grant_spent_today",
		Detail: "this grant has no use left today"}

	// ErrRevoked is told to the grant's own client alone.
	ErrRevoked = &fault.Error{Kind: fault.Unauthenticated, Code: "grant_revoked", Owner: fault.Person, Action: "ask_again",
		Detail: "this grant was revoked"}

	ErrExpired = &fault.Error{Kind: fault.Unauthenticated, Code: "grant_expired", Action: "ask_again",
		Detail: "this grant has expired; ask the person again"}

	ErrPaused = &fault.Error{Kind: fault.Denied, Code: "grant_paused", Owner: fault.Person, Action: "resume",
		Detail: "the person has paused this client"}

	// ErrKeyReused is one idempotency key for two different requests.
	ErrKeyReused = &fault.Error{Kind: fault.Mismatch, Code: "idempotency_mismatch",
		Detail: "this idempotency key was used for another request"}

	// ErrTerms is a request beyond its purpose's ceilings, or that contradicts
	// itself. Its Detail names the member.
	ErrTerms = &fault.Error{Kind: fault.Invalid, Code: "invalid_authorization_details",
		Detail: "authorization_details is not valid"}

	// ErrWider is a choice that goes beyond what was asked or offered.
	ErrWider = &fault.Error{Kind: fault.Invalid, Code: "choice_wider", Owner: fault.Person,
		Detail: "a choice may only narrow what was asked"}

	// ErrNothingChosen is a choice that leaves no account or no datatype.
	ErrNothingChosen = &fault.Error{Kind: fault.Invalid, Code: "nothing_chosen", Owner: fault.Person, Action: "choose",
		Detail: "tick at least one account"}

	// ErrTooFew is a choice of a change that leaves no use: the grant has been
	// used as often as that already.
	ErrTooFew = &fault.Error{Kind: fault.Invalid, Code: "too_few_uses", Owner: fault.Person, Action: "choose",
		Detail: "the grant has been used as often as that already; choose more uses"}

	// ErrLapsed is a request that was not decided in time.
	ErrLapsed = &fault.Error{Kind: fault.Gone, Code: "request_expired", Action: "ask_again",
		Detail: "this request has expired; start again in the app that asked"}

	// ErrDecided is a request that has its answer already.
	ErrDecided = &fault.Error{Kind: fault.Conflict, Code: "request_decided", Owner: fault.Person,
		Detail: "this request has been answered"}

	// ErrNoAgreement is a passkey's answer to a challenge that was never made,
	// was replaced, has lapsed or was used.
	ErrNoAgreement = &fault.Error{Kind: fault.Conflict, Code: "agreement_expired", Owner: fault.Person, Action: "confirm_again",
		Detail: "what was to be confirmed has expired; look at it and confirm again"}

	// ErrNoTicket is a ticket that is wrong, used or too old.
	ErrNoTicket = &fault.Error{Kind: fault.Denied, Code: "ticket_invalid", Action: "ask_again",
		Detail: "this answer was handed on already or is too old; start again in the app that asked"}

	// ErrNotRevisable is a merge or replace of a grant that is unknown,
	// somebody else's or not given any more: nobody learns which. To clients it
	// is "invalid_grant_id" (Grant Management, section 6.4).
	ErrNotRevisable = &fault.Error{Kind: fault.Invalid, Code: "invalid_grant_id",
		Detail: "there is no such grant to change; ask for a new one"}

	// ErrChanged is a request to change a grant that has changed since.
	ErrChanged = &fault.Error{Kind: fault.Conflict, Code: "grant_changed", Action: "ask_again",
		Detail: "this grant has changed since it was asked for; start again in the app that asked"}

	// ErrWaiting is a decoupled request for a person who has as many of the same
	// client's before them as may wait; RetryAfter is when the first lapses.
	ErrWaiting = &fault.Error{Kind: fault.Limited, Code: "requests_waiting", Owner: fault.Person,
		Detail: "this person has not answered earlier requests of this client yet"}

	// ErrBinding is a binding message that cannot be shown as it is (CIBA Core
	// 1.0, section 13).
	ErrBinding = &fault.Error{Kind: fault.Invalid, Code: "invalid_binding_message",
		Detail: "a binding message has at most 60 characters, without control characters or spaces around it"}

	// ErrStepUpOld is a grant whose yes is too long ago to be read by (RFC
	// 9470). The client asks the person again, by a replace of the same grant.
	ErrStepUpOld = &fault.Error{Kind: fault.Unauthenticated, Code: "insufficient_user_authentication", Owner: fault.Person, Action: "ask_again",
		Detail: "the person's last yes is too long ago; ask for a new one"}

	ErrNoClient = &fault.Error{Kind: fault.NotFound, Code: "client_not_found",
		Detail: "there is no such client"}

	ErrClientExists = &fault.Error{Kind: fault.Conflict, Code: "client_exists",
		Detail: "there is a client with this id"}

	// ErrSuspended is a client that the operator has stopped.
	ErrSuspended = &fault.Error{Kind: fault.Denied, Code: "client_suspended",
		Detail: "this client is suspended; its operator should write to ours"}

	// ErrClient is a registration that is not acceptable; its Detail says why.
	ErrClient = &fault.Error{Kind: fault.Invalid, Code: "client_invalid",
		Detail: "this registration is not valid"}

	errNobody = &fault.Error{Kind: fault.Internal, Code: "request_of_nobody",
		Detail: "a decoupled request names no person"}

	// ErrRedirect is a registration whose redirect URIs are not acceptable.
	ErrRedirect = &fault.Error{Kind: fault.Invalid, Code: "client_redirect_invalid",
		Detail: "a client has 1 to 16 redirect URIs; each is absolute, has no fragment and no user, and is https, or http on this machine's own address"}

	errBackwards = &fault.Error{Kind: fault.Internal, Code: "grant_backwards",
		Detail: "a grant was about to move backwards"}
)
