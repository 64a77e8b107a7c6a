package mock

// word says a code of v4 in the version that was asked in.
func (c bankCall) word(code string) string {
	if long, ok := v3Words[code]; ok && c.v3 {
		return long
	}
	return code
}

// v3Words are what v4 calls by four letters, as v3.1 calls it. An account access
// consent of v3.1 has no word for one that has expired.
var v3Words = map[string]string{
	// OBExternalRequestStatus1Code
	"AWAU": "AwaitingAuthorisation", "AUTH": "Authorised", "RJCT": "Rejected", "CANC": "Revoked", "EXPD": "Authorised",
	// OBEntryStatus1Code
	"BOOK": "Booked", "PDNG": "Pending",
	// OBBalanceType1Code
	"CLBD": "ClosingBooked", "ITBD": "InterimBooked", "ITAV": "InterimAvailable",
	// OBBankTransactionCodeStructure1: ISO 20022's names of families and sub-families
	"CCRD": "CustomerCardTransactions", "ICDT": "IssuedCreditTransfers", "RCDT": "ReceivedCreditTransfers",
	"POSP": "PointOfSalePayment", "POSD": "PointOfSalePaymentDebitCard", "RIMB": "Reimbursements", "DMCT": "DomesticCreditTransfer",
	"SALA": "PayrollSalaryPayment", "INTR": "Interests",
	// OBErrorResponseError1Code
	"U000": "UK.OBIE.UnexpectedError", "U002": "UK.OBIE.Field.Invalid", "U003": "UK.OBIE.Field.InvalidDate", "U004": "UK.OBIE.Field.Missing",
	"U006": "UK.OBIE.Header.Invalid", "U008": "UK.OBIE.Resource.ConsentMismatch", "U009": "UK.OBIE.Resource.InvalidConsentStatus",
	"U010": "UK.OBIE.Resource.InvalidFormat", "U011": "UK.OBIE.Resource.NotFound", "U028": "UK.OBIE.Reauthenticate",
}
