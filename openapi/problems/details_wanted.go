package problems

// wantedDetails are what a document wants of a value; they stand in a detail
// that says where. Names are in backquotes, so that none is taken for a word.
var wantedDetails = map[string]string{
	"{} is required": "必须有 {}",
	"it has a member that is not known; known are {}":                 "有不认识的成员；认识的有 {}",
	"it has a member that is not known; known are {}; {} is required": "有不认识的成员；认识的有 {}；必须有 {}",
	"an object without members":                                       "不带成员的对象",
	"one of {}":                                                       "只能是其中之一：{}",
	"at least {}":                                                     "不小于 {}",
	"at most {}":                                                      "不大于 {}",
	"a length of at least {}":                                         "长度至少 {}",
	"a length of at most {}":                                          "长度最多 {}",
	"a list of at least {}":                                           "列表，至少 {} 项",
	"a list of at most {}":                                            "列表，最多 {} 项",
	"a list in which nothing stands twice":                            "列表，里面没有重复的",
	"of the form {}":                                                  "要符合 {}",
	"a {} as in RFC 3339":                                             "RFC 3339 的 {}",
	"a text":                                                          "文本",
	"a whole number":                                                  "整数",
	"a number":                                                        "数",
	"true or false":                                                   "true 或 false",
	"a list":                                                          "列表",
	"an object":                                                       "对象",
}
