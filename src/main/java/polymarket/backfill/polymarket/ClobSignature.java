package polymarket.backfill.polymarket;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs requests to the CLOB's private endpoints with an API key ("L2" authentication, as
 * py-clob-client's {@code hmac.py} does).
 *
 * <p>Safe on any number of threads. Neither this object nor the headers that it gives show a secret
 * in {@code toString}.
 */
public final class ClobSignature {

  private static final String ALGORITHM = "HmacSHA256";

  private final String address;
  private final String apiKey;
  private final String passphrase;
  private final SecretKeySpec key;

  /**
   * @param address the account's wallet, 0x and 40 hex digits, sent as given
   * @param apiKey the API key's id
   * @param secret the API key's secret, base64 in either alphabet
   * @param passphrase the API key's passphrase
   * @throws IllegalArgumentException with one line that names what is missing or malformed, never
   *     its value
   */
  public ClobSignature(String address, String apiKey, String secret, String passphrase) {
    this.address = given("CLOB address", address);
    this.apiKey = given("CLOB API key", apiKey);
    this.passphrase = given("CLOB passphrase", passphrase);
    if (!address.matches("0x[0-9a-fA-F]{40}")) {
      throw new IllegalArgumentException("CLOB address: expected 0x and 40 hex digits");
    }
    this.key = new SecretKeySpec(decode(given("CLOB API secret", secret)), ALGORITHM);
  }

  /**
   * The five headers of one request. They hold for all pages of a listing, as the query string is
   * not signed.
   *
   * @param method HTTP method in capitals
   * @param requestPath path such as {@code /data/trades}; a query string behind it is left out
   * @param body the body exactly as sent, null or empty when there is none
   * @param timestampSeconds unix time
   * @return POLY_ADDRESS, POLY_SIGNATURE, POLY_TIMESTAMP, POLY_API_KEY and POLY_PASSPHRASE, in this
   *     order
   */
  public Map<String, String> headers(
      String method, String requestPath, String body, long timestampSeconds) {
    Map<String, String> headers = new Headers();
    headers.put("POLY_ADDRESS", address);
    headers.put("POLY_SIGNATURE", sign(method, requestPath, body, timestampSeconds));
    headers.put("POLY_TIMESTAMP", Long.toString(timestampSeconds));
    headers.put("POLY_API_KEY", apiKey);
    headers.put("POLY_PASSPHRASE", passphrase);
    return headers;
  }

  /** As {@link #headers(String, String, String, long)} for a GET made now. */
  public Map<String, String> headers(String requestPath) {
    return headers("GET", requestPath, null, System.currentTimeMillis() / 1000);
  }

  /**
   * base64url(HMAC-SHA256(base64url-decoded secret, timestamp + method + path + body)), with
   * padding.
   */
  String sign(String method, String requestPath, String body, long timestampSeconds) {
    int query = requestPath.indexOf('?');
    String path = query < 0 ? requestPath : requestPath.substring(0, query);
    String message = timestampSeconds + method + path + (body == null ? "" : body);
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(key);
      return Base64.getUrlEncoder()
          .encodeToString(mac.doFinal(message.getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(ALGORITHM + " is missing from this Java", e);
    }
  }

  /** Names the account, hides the rest. */
  @Override
  public String toString() {
    return "ClobSignature[address=" + address + ", key, secret and passphrase not shown]";
  }

  private static String given(String what, String value) {
    if (value == null || value.isBlank()) {
      throw new IllegalArgumentException(what + ": missing");
    }
    return value;
  }

  private static byte[] decode(String secret) {
    try {
      return Base64.getUrlDecoder().decode(secret.replace('+', '-').replace('/', '_'));
    } catch (IllegalArgumentException e) {
      // without the cause, which quotes a character of the secret
      throw new IllegalArgumentException("CLOB API secret: expected base64");
    }
  }

  /** Headers whose text shows their names alone, as maps find their way into logs. */
  private static final class Headers extends LinkedHashMap<String, String> {
    @Override
    public String toString() {
      return keySet() + " (values not shown)";
    }
  }
}
