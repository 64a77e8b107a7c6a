// Package fdx is the dialect of the Financial Data Exchange API, version 6: how
// banks and lenders of North America tell accounts of every category, and here
// the one by which credit lines (花呗) and loans (借呗) are told with what is due.
//
// It follows
//
//   - the FDX API's own OpenAPI documents: fdxapi.consent.yaml of v6.3.0 whole;
//     fdxapi.core.yaml and fdxapi.components.yaml of v5.2.0 whole
//     (github.com/sriniip/fdxyaml), and of v6.3.0 the head of the core's;
//   - Plaid's Core Exchange description of FDX 6.4, which repeats the schemas of
//     accounts, bills and transactions and says how they are meant
//     (github.com/plaid/core-exchange, versions/6.4/corex.yaml);
//   - notes on release 6.4.1 for what those two leave out: the table of error
//     codes, the headers, pageKey, scopes and data clusters;
//   - the Consent API Behavioral Specification's flow as those and WSO2's FDX
//     toolkit show it: authorization_details of type fdx_v1.0 in a pushed
//     request (RFC 9126, RFC 9396), grant_id in the token's answer.
//
// OAuth 2.0 is the code flow with PKCE (RFC 7636); Jali proves itself by
// private_key_jwt (RFC 7523) or by client_secret_basic, as it was registered.
// The endpoints are configured as they were told then: no discovery is read.
// One Connector is one institution. A credential is a consent and its tokens.
//
// Accounts and transactions are read in the form of version 6, where
// accountCategory says what they are, and in that of version 5, where each is
// wrapped in a member of its kind ("locAccount"). Pages go on by
// page.nextPageKey, page.nextOffset or, where only links.next is told, by the
// cursor in it: an address is never taken from an answer.
//
// How it reads what the descriptions leave open:
//
//   - Dates have no zone: Config.Zone says where the institution's days begin.
//   - Transactions are filtered by when they were posted. A bill's time is
//     transactionTimestamp, which does not change when it is booked, so some
//     days more are asked for and what lies outside is dropped.
//   - An amount is the absolute value. DEBIT leaves the account and CREDIT
//     enters it, on debts too: a purchase is a DEBIT, a repayment a CREDIT.
//     MEMO is a debit that is not final.
//   - referenceTransactionId of a debit on a line of credit is its
//     authorization's, so what was pending keeps its id ([connectors.Bill.Was]).
//     Of a credit, and on every other account, it is what is being reversed.
//   - A debit on a loan that no type covers is principal paid out: FDX has no
//     type for it. Principal and its repayment are internal, interest is spent.
//   - What is owed on a loan is payOffAmount, else principalBalance; on a line
//     of credit currentBalance, else principalBalance.
//   - Of statements FDX lists dates alone. What is due stands in the account:
//     bills, or lastStmt*, minimumPaymentAmount and nextPayment* before 6.4;
//     of older statements nobody tells, so they are left out. What was paid is
//     summed from the repayments since the statement closed.
//
// What it cannot do: tokens are not bound by DPoP, and to a certificate only if
// the HTTP client given shows one; messages are not encrypted (the Security
// Model's Part 2); answers are not signed, so TLS is all that vouches for them;
// holdings, rewards, statement images and scheduled payments are not read; there
// are no deltas of transactions. Pending and posted rows that share one
// referenceTransactionId, as Plaid allows, are not joined here.
package fdx
