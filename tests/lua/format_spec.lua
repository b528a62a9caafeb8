-- Numbers, sizes and times as people read them (hlua.report.format), and JSON with its keys in order (hlua.encode).
local encode = require "hlua.encode"
local format = require "hlua.report.format"

-- Each line: what went in, what must come out.
local function table_of(convert, cases)
  for _, case in ipairs(cases) do
    it(("%s becomes %s"):format(tostring(case[1]), case[2]), function() assert.equal(case[2], convert(case[1])) end)
  end
end

describe("counts", function()
  table_of(format.count, {
    { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" }, { -1234, "-1,234" }, { 999999, "999,999" },
    { 12.6, "13" }, { 0 / 0, "?" }, { 1 / 0, "?" },
  })
end)

describe("short counts", function()
  table_of(format.short, {
    { 0, "0" }, { 999999, "999,999" }, { 1000000, "1.00M" }, { 12345678, "12.3M" }, { 999499999, "999M" },
    { 999999999, "1.00G" }, { 5e12, "5.00T" },
  })
end)

describe("sizes", function()
  table_of(format.bytes, {
    { 0, "0 bytes" }, { 1, "1 byte" }, { 999, "999 bytes" }, { 1000, "1.0 kB" }, { 12345678, "12.3 MB" },
    { 999960, "1.0 MB" }, { 5e15, "5.0 PB" }, { 5e18, "5000.0 PB" },
  })
end)

describe("times", function()
  table_of(format.duration, {
    { 0, "0.0 s" }, { 0.44, "0.4 s" }, { 9.94, "9.9 s" }, { 9.96, "10 s" }, { 59.4, "59 s" }, { 59.6, "1m 00s" },
    { 125, "2m 05s" }, { 3599.6, "1h 00m" }, { 11220, "3h 07m" }, { 187200, "2d 04h" },
  })
end)

describe("percentages", function()
  table_of(format.percent, { { 0, "0%" }, { -1, "0%" }, { 0.429, "42%" }, { 0.9999, "99%" }, { 1, "100%" } })
end)

describe("columns", function()
  it("count characters, not bytes", function()
    assert.equal("é  ", format.left("é", 3))
    assert.equal("  é", format.right("é", 3))
    assert.equal("ééé...", format.cut("éééééééé", 6))
  end)
  it("count what a terminal shows: two for wide characters, none for marks", function()
    assert.equal(4, format.width "漢字")
    assert.equal(2, format.width "👩")
    assert.equal(1, format.width "e\u{301}")
    assert.equal("漢...", format.cut("漢字漢字", 6))
    assert.equal("漢 ", format.left("漢", 3))
    assert.equal("a漢...字b", format.cut_middle("a漢漢漢字字字b", 9))
  end)
  it("take bytes that are no UTF-8", function()
    assert.equal("\xff\xff...", format.cut(("\xff"):rep(6), 5))
  end)
  it("keep both ends of a name", function()
    assert.equal("LoanA...-dev", format.cut_middle("LoanApp-IntegrationLogs-dev", 12))
    assert.equal("short", format.cut_middle("short", 12))
  end)
end)

describe("folding", function()
  it("breaks between words and keeps the indent", function()
    assert.equal("  one two\n  three", format.fold("one two three", 10, "  "))
  end)
  it("leaves a long word whole", function() assert.equal("abcdefghij", format.fold("abcdefghij", 4)) end)
end)

describe("text from outside", function()
  it("cannot move the cursor", function() assert.equal([[a\nb\x1B[2J]], format.printable "a\nb\27[2J") end)
end)

describe("JSON", function()
  it("keeps the order of an object's pairs, and leaves out what has no value", function()
    assert.equal('{"z":1,"a":"x"}', encode.text(encode.object { { "z", 1 }, { "none", nil }, { "a", "x" } }))
  end)
  it("sorts the keys of a plain table", function() assert.equal('{"a":1,"b":2}', encode.text { b = 2, a = 1 }) end)
  it("tells empty lists from empty objects", function()
    assert.equal('[[],{}]', encode.text { encode.array {}, {} })
  end)
  it("writes integers whole, and fractions short", function()
    assert.equal("[9007199254740993,-1,2.5,3,0.333333,0]",
      encode.text { 9007199254740993, -1, 2.5, 3.0, 1 / 3, -0.0000001 })
  end)
  it("writes null for what is no number, and for null", function()
    assert.equal("[null,null,null]", encode.text { 0 / 0, 1 / 0, encode.null })
  end)
  it("escapes strings, but no slash", function()
    assert.equal([["a/\\/\"\n\u0001é"]], encode.text "a/\\/\"\n\1é")
  end)
  it("refuses what has no form", function()
    assert.has_error(function() encode.text { a = print } end, "a function cannot be JSON")
    assert.has_error(function() encode.text { [2] = 1 } end, "a JSON object cannot have the key 2")
  end)
end)
