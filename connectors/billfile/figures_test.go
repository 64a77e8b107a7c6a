package billfile

import "testing"

func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		why, in string
		decimal byte
		want    string // "": none
	}{
		{"as it is", "28.16", '.', "28.16"},
		{"a yen sign", "¥28.16", '.', "28.16"},
		{"a full-width one, and full-width digits", "￥１，０２８．１６", '.', "1028.16"},
		{"thousands", "-326,000.00", '.', "-326000.00"},
		{"by two, as in India", "12,34,567.00", '.', "1234567.00"},
		{"blanks between thousands", "12 345.60", '.', "12345.60"},
		{"a comma that is no thousands' one", "1,02", '.', ""},
		{"nor this", "1,0000.00.1", '.', ""},
		{"a plus", "+10000.00", '.', "10000.00"},
		{"a minus behind", "12.50-", '.', "-12.50"},
		{"a printed minus", "−12.50", '.', "-12.50"},
		{"a full-width minus", "－12.50", '.', "-12.50"},
		{"a minus before the currency", "-¥12.50", '.', "-12.50"},
		{"and behind it", "CNY -12.50", '.', "-12.50"},
		{"brackets", "(1,234.50)", '.', "-1234.50"},
		{"brackets around a minus say nothing", "(-5.00)", '.', ""},
		{"two minuses", "--5.00", '.', "-5.00"},
		{"a currency behind", "12.50元", '.', "12.50"},
		{"dollars of Hong Kong", "HK$1,000.00", '.', "1000.00"},
		{"no zero before the point", ".50", '.', "0.50"},
		{"a point and no cents", "12.", '.', "12"},
		{"a decimal comma", "1.234,56", ',', "1234.56"},
		{"and no thousands", "1234,56", ',', "1234.56"},
		{"a blank between thousands", "1 234,5", ',', "1234.5"},
		{"a decimal point where commas are", "12.50", ',', ""},
		{"a thousand where commas are", "1.234", ',', "1234.00"},
		{"a third decimal", "1.005", '.', ""},
		{"nothing", "", '.', ""},
		{"a sign alone", "-", '.', ""},
		{"words", "xx,yyyy.zz", '.', ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := parseAmount(figure(tt.in, tt.decimal), "CNY", false)
			if tt.want == "" {
				if err == nil {
					t.Errorf("%q is %v, want none", tt.in, got)
				}
				return
			}
			if err != nil || got != yuan(tt.want) {
				t.Errorf("%q is %v, %v; want %s", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestDates(t *testing.T) {
	for _, tt := range []struct {
		in, order, want string // "": none
	}{
		{"2024-01-02", "ymd", "2024-01-02"},
		{"2024/1/2", "ymd", "2024-01-02"},
		{"２０２４／１／２", "ymd", "2024-01-02"},
		{"2024年1月2日", "ymd", "2024-01-02"},
		{"2024年1月2日 10:00", "ymd", "2024-01-02 10:00:00"},
		{"20240102", "ymd", "2024-01-02"},
		{"20240102101112", "ymd", "2024-01-02 10:11:12"},
		{"2024.01.02 9:05:07", "ymd", "2024-01-02 09:05:07"},
		{"2024-01-02T10:00:00+00:00", "ymd", "2024-01-02 18:00:00"},
		{"24/03/2025", "dmy", "2025-03-24"},
		{"24032025", "dmy", "2025-03-24"},
		{"24 Mar 2025", "dmy", "2025-03-24"},
		{"24-SEPT-25", "dmy", "2025-09-24"},
		{"3/24/25", "mdy", "2025-03-24"},
		{"Mar 24, 2025", "mdy", "2025-03-24"},
		{"March 24 2025 1:02 PM", "mdy", "2025-03-24 13:02:00"},
		{"24/03/2025", "mdy", ""}, // no month has that number
		{"24/03/2025", "ymd", ""},
		{"2025/03/24", "dmy", ""},
		{"01/02/24", "ymd", ""}, // which of them is the year?
		{"2024-02-30", "ymd", ""},
		{"2024-01-02 25:00", "ymd", ""},
		{"2024-13-01", "ymd", ""},
		{"1899-01-01", "ymd", ""},
		{"45000", "ymd", ""},
		{"", "ymd", ""},
	} {
		t.Run(tt.order+" "+tt.in, func(t *testing.T) {
			at, dayOnly, ok := parseDate(tt.in, tt.order)
			got := ""
			if ok {
				got = at.Format("2006-01-02 15:04:05")
				if dayOnly {
					got = got[:10]
				}
			}
			if got != tt.want {
				t.Errorf("%q is %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
