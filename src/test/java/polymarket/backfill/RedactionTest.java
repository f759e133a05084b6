package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is printed or written holds no secret in any form, and nothing that controls a terminal. */
class RedactionTest {

  private static final String KEY = "pK9+x/Q&\"zT=4uW~7";
  private static final Set<String> WORDS = Set.of("gamma", "goldsky", "fills", "positions");

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hex(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String percent(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private static String url(String url, String text) {
    return Secrets.NONE.andUrl(url, WORDS).mask(text);
  }

  @Test
  void aSecretIsMasked_inEachFormThatAServerMayEcho() {
    Secrets secrets = Secrets.NONE.and(KEY, WORDS);
    String json = KEY.replace("\"", "\\\"");
    for (String form :
        new String[] {
          KEY,
          KEY.toLowerCase(Locale.ROOT),
          KEY.toUpperCase(Locale.ROOT),
          percent(KEY),
          percent(KEY).toLowerCase(Locale.ROOT),
          percent(percent(KEY)),
          hex(KEY),
          hex(KEY).toUpperCase(Locale.ROOT),
          json,
          json.replace("/", "\\/"),
          json.replace("&", "\\u0026"),
          KEY.replace("&", "&amp;").replace("\"", "&quot;"),
        }) {
      assertEquals("<***>", secrets.mask("<" + form + ">"), form);
    }
    for (String before : new String[] {"", "u", "us", "use", "user:"}) {
      String encoded = base64(before + KEY + "!");
      assertFalse(
          secrets.mask(encoded).contains(encoded.substring(10, 18)), before + " " + encoded);
      String url = encoded.replace('+', '-').replace('/', '_');
      assertFalse(secrets.mask(url).contains(url.substring(10, 18)), before + " " + url);
    }
  }

  @Test
  void aSecretThatWasCutShort_isMasked() {
    Secrets secrets = Secrets.NONE.and("abcdefgh01234567XYZ", Set.of());
    assertEquals("Cannot POST /v2/*** ...", secrets.mask("Cannot POST /v2/abcdefgh01234 ..."));
    assertEquals("abcdefg", secrets.mask("abcdefg"));
  }

  @Test
  void ofAUrl_theUserThePathAndTheQueryAreSecret_andTheHostIsNot() {
    String url = "https://me:hunter2!@rpc.example.com/v2/Zx81k-Key_99/extra?apikey=q1w2e3r4t5";
    for (String secret :
        new String[] {"hunter2!", "me:hunter2!", "Zx81k-Key_99", "extra", "q1w2e3r4t5"}) {
      assertFalse(url(url, "said '" + secret + "' twice").contains(secret), secret);
    }
    assertFalse(url(url, "Basic " + base64("me:hunter2!")).contains(base64("me:hunter2!")));
    assertEquals("rpc.example.com is down", url(url, "rpc.example.com is down"));
    assertEquals("Cannot GET ***", url("http://host/k1", "Cannot GET /k1"));
    assertEquals("*** is wrong", url("http://host:80/v2/ s3cretKey", "s3cretKey is wrong"));
  }

  @Test
  void aTextThatIsNoUrl_hidesNoShortWord() {
    String text = "there is no file of this name";
    assertEquals(text, url("no", text));
    assertEquals(text, url("of/no", text));
  }

  @Test
  void ofAJdbcUrl_thePasswordsAreSecret_andNothingElse() {
    String url =
        "jdbc:postgresql://db1,db2/backfill?targetServerType=primary&password=s3%20cret-9&sslmode=verify-full";
    Secrets secrets = Secrets.NONE.andJdbcUrl(url, WORDS);
    assertEquals(
        "no connection to db1,db2/backfill as primary with *** or ***",
        secrets.mask("no connection to db1,db2/backfill as primary with s3%20cret-9 or s3 cret-9"));
  }

  @Test
  void ordinaryWordsOfAUrl_areNotMasked() {
    String text = "gamma: 137 fills of 2 positions in v2 (routes/sources/gamma.camel.yaml)";
    assertEquals(text, url("http://127.0.0.1:8090/gamma/v2/137/fills", text));
    assertEquals(text, url("http://127.0.0.1:8090/gamma?source=positions", text));
  }

  @Test
  void namesOfSettings_sayWhichAreSecret() {
    for (String secret :
        new String[] {
          "clickhouse.password", "clickhouse.embedded.password", "clob.api-key",
          "clob.api-secret", "clob.api-passphrase", "camel.vault.token"
        }) {
      assertTrue(Secrets.isSecret(secret), secret);
    }
    for (String open :
        new String[] {"enrich.token-columns", "clickhouse.user", "clob.address", "fills.source"}) {
      assertFalse(Secrets.isSecret(open), open);
    }
  }

  @Test
  void secretsInTheSettings_areMasked() {
    Settings settings =
        Settings.load(
            TestBed.PROJECT,
            Map.of("CLOB_API_PASSPHRASE", "learnt-from-the-environment"),
            Map.of("polygon.rpc.url", "https://host/v2/learntFromTheUrl"));
    settings.with("clickhouse.password", "learnt-later-on");
    assertEquals(
        "***, *** and ***",
        Redaction.line("learnt-from-the-environment, learntFromTheUrl and learnt-later-on"));
    assertEquals("a *** in an error", new UserError("a learntFromTheUrl in an error").getMessage());
  }

  @Test
  void noControlCharacterOfAnAnswer_isLeft() throws Exception {
    String hostile =
        "a\u001b[2Jb\u001b]0;title\u0007c\r"
            + "d\n"
            + "e\tf\u007fg\u009b31mh\u202ei\u2066j\u2028k\u200fl\u0000m";
    String line = Redaction.line(hostile);
    assertEquals("a [2Jb ]0;title c d e f g 31mh i j k l m", line);
    assertEquals("a [2Jb ]0;title c d\ne\tf g 31mh i j k l m", Redaction.text(hostile));
    assertEquals("two\nlines", Redaction.text("two\r\nlines"));
    assertEquals("été 🏳️‍🌈 ‰", Redaction.line("été 🏳️‍🌈 ‰"));
    assertEquals(
        "{\"why\":\"a [2J\"}", Redaction.json().writeValueAsString(Map.of("why", "a\u001b[2J")));
  }

  @Test
  void aLongOutput_isMaskedFast() {
    Secrets secrets = Secrets.NONE.and(KEY, WORDS).and("another-long-secret-0123456789", WORDS);
    String line = "0x" + "0123456789abcdef".repeat(4) + "\tfound\t1\t0\t\n";
    String text = line.repeat(100_000);
    long start = System.nanoTime();
    assertEquals(text, secrets.mask(text));
    long millis = (System.nanoTime() - start) / 1_000_000;
    assertTrue(millis < 2_000, millis + " ms for " + text.length() + " characters");
  }
}
