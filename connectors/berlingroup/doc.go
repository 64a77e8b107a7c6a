// Package berlingroup is the dialect of the Berlin Group's NextGenPSD2 XS2A
// framework, account information, 1.3.
//
// It follows the OpenAPI file "psd2-api v1.3.12-2022-07-06"
// (www.berlin-group.org/nextgenpsd2-downloads): consents and their states,
// /accounts and /card-accounts with balances and transactions, bookingStatus,
// entryReferenceFrom and deltaList, _links, tppMessages and the problem form of
// the same codes; requests signed with Digest, Signature and
// TPP-Signature-Certificate (draft-cavage-http-signatures-10); OAuth with RFC
// 8414, PKCE and the scope AIS:{consentId}. The Implementation Guidelines that
// the file belongs to could not be read. Answers are not signed: TLS is all that
// vouches for them, and the client certificate (QWAC) is the HTTP client's affair.
//
// One Connector is one bank. It goes the way to strong customer authentication
// that the bank offers: scaOAuth, or scaRedirect, after startAuthorisation where
// the bank wants that said. A bank that only redirects gives no code, so a
// word that the linking browser never sees is put into TPP-Redirect-URI and
// asked for in what comes back; or whoever has somebody else follow a link
// could end it as their own. A credential is a consent, with tokens where the
// bank gives them.
//
// The unit of time is the bank's day: rows say no more, and dateFrom and dateTo
// are days, both inclusive. A pending row's day may be unknown even to the
// bank's customers; days on both sides are asked for besides, and what lies
// outside is dropped. What was booked longer ago than 90 days is told only
// after a fresh authentication (RTS on SCA, article 10), so no more is asked for.
//
// A row goes by its transactionId or cardTransactionId; without one by its
// entryReference; without either by what it says and its place among equal rows.
// A bank does not say of a booked row which pending one it was, but where both
// have one entryReference the booked one's Was is what the pending one was
// called.
//
// What it cannot do: consents for a list of accounts, since nobody has told an
// IBAN when a link begins (the bank's own page asks, or all accounts are asked
// for), and those for a list of available accounts, which hold no bills; the
// embedded and decoupled approaches; the confirmation code of a redirect, for
// which each bank has a way of its own; reports in camt or MT94x; statements, of
// which the framework has none. withBalance is not asked for: banks may leave it
// aside, and it tells the booked balance alone.
package berlingroup
