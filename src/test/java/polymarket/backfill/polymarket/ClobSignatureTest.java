package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ClobSignatureTest {

  private static final String ADDRESS = "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
  private static final String SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

  private final ClobSignature signature =
      new ClobSignature(ADDRESS, "the-key", SECRET, "the-passphrase");

  @Test
  void signatureIsThatOfTheReferenceClient() {
    assertEquals(
        "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc=",
        signature.sign("test-sign", "/orders", "{\"hash\": \"0x123\"}", 1_000_000));
  }

  @Test
  void headersAreTheFiveOfTheReferenceClient() {
    Map<String, String> headers =
        signature.headers("test-sign", "/orders", "{\"hash\": \"0x123\"}", 1_000_000);
    assertEquals(
        List.of(
            "POLY_ADDRESS", "POLY_SIGNATURE", "POLY_TIMESTAMP", "POLY_API_KEY", "POLY_PASSPHRASE"),
        List.copyOf(headers.keySet()));
    assertEquals(
        List.of(
            ADDRESS,
            "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc=",
            "1000000",
            "the-key",
            "the-passphrase"),
        List.copyOf(headers.values()));
  }

  @Test
  void queryStringAndEmptyBodyAreNotSigned_everythingElseIs() {
    String signed = signature.sign("GET", "/data/trades", null, 1_763_000_000);
    assertEquals(
        signed, signature.sign("GET", "/data/trades?next_cursor=MTAw&after=1", "", 1_763_000_000));
    assertNotEquals(signed, signature.sign("POST", "/data/trades", null, 1_763_000_000));
    assertNotEquals(signed, signature.sign("GET", "/data/orders", null, 1_763_000_000));
    assertNotEquals(signed, signature.sign("GET", "/data/trades", null, 1_763_000_001));
    assertNotEquals(signed, signature.sign("GET", "/data/trades", "{}", 1_763_000_000));
  }

  @Test
  void aGetIsSignedForNow() {
    long before = System.currentTimeMillis() / 1000;
    Map<String, String> headers = signature.headers("/data/trades");
    long at = Long.parseLong(headers.get("POLY_TIMESTAMP"));
    assertTrue(at >= before && at <= System.currentTimeMillis() / 1000);
    assertEquals(signature.sign("GET", "/data/trades", null, at), headers.get("POLY_SIGNATURE"));
  }

  @Test
  void secretIsTakenInBothAlphabets() {
    ClobSignature standard = new ClobSignature(ADDRESS, "k", "+/+/AAAA", "p");
    ClobSignature urlSafe = new ClobSignature(ADDRESS, "k", "-_-_AAAA", "p");
    assertEquals(urlSafe.sign("GET", "/", null, 1), standard.sign("GET", "/", null, 1));
  }

  @Test
  void noSecretIsShown() {
    String shown =
        signature
            + " "
            + signature.headers("/data/trades")
            + " "
            + assertThrows(
                IllegalArgumentException.class,
                () -> new ClobSignature(ADDRESS, "the-key", "s3cret!", "the-passphrase"))
            + assertThrows(
                IllegalArgumentException.class,
                () -> new ClobSignature("s3cret!", "the-key", SECRET, "the-passphrase"));
    for (String secret : List.of("the-key", "the-passphrase", SECRET, "s3cret", "AAAA")) {
      assertFalse(shown.contains(secret), shown);
    }
    assertTrue(shown.contains(ADDRESS), shown);
  }

  @Test
  void whatIsMissingIsNamed() {
    assertEquals(
        "CLOB passphrase: missing",
        assertThrows(
                IllegalArgumentException.class, () -> new ClobSignature(ADDRESS, "k", SECRET, " "))
            .getMessage());
    assertEquals(
        "CLOB API secret: missing",
        assertThrows(
                IllegalArgumentException.class, () -> new ClobSignature(ADDRESS, "k", null, "p"))
            .getMessage());
    IllegalArgumentException malformed =
        assertThrows(
            IllegalArgumentException.class, () -> new ClobSignature(ADDRESS, "k", "?", "p"));
    assertEquals("CLOB API secret: expected base64", malformed.getMessage());
    assertNull(malformed.getCause());
  }
}
