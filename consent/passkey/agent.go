package passkey

import "strings"

// Browsers and systems by a word of their User-Agent; the first that fits
// wins, since most of them claim to be the later ones as well.
var (
	browsers = [][2]string{
		{"MicroMessenger", "WeChat"}, {"AlipayClient", "Alipay"}, {"HuaweiBrowser", "Huawei Browser"}, {"MiuiBrowser", "Mi Browser"},
		{"SamsungBrowser", "Samsung Internet"}, {"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
		{"HeadlessChrome", "Chrome"}, {"CriOS", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"OpenHarmony", "HarmonyOS"}, {"HarmonyOS", "HarmonyOS"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// Agent says a User-Agent in words, as "Chrome · Linux"; empty where it says
// nothing that is known. No part of what was sent is in it.
func Agent(userAgent string) string {
	if len(userAgent) > 1024 {
		userAgent = userAgent[:1024]
	}
	var words []string
	for _, list := range [][][2]string{browsers, systems} {
		for _, known := range list {
			if strings.Contains(userAgent, known[0]) {
				words = append(words, known[1])
				break
			}
		}
	}
	return strings.Join(words, " · ")
}
