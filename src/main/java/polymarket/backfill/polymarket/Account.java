package polymarket.backfill.polymarket;

import java.net.URI;
import java.util.List;
import java.util.Map;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * The bean {@code account} of source routes: signs a request with the account's key, where one is
 * set.
 */
public final class Account {

  private static final List<String> KEYS =
      List.of("clob.address", "clob.api-key", "clob.api-secret", "clob.api-passphrase");

  private final ClobSignature signature;

  /**
   * @throws UserError where the settings of an account are all there, and one has no such form
   */
  public Account(Settings settings) {
    List<String> values = KEYS.stream().map(settings::text).toList();
    try {
      signature =
          values.contains("")
              ? null
              : new ClobSignature(values.get(0), values.get(1), values.get(2), values.get(3));
    } catch (IllegalArgumentException e) {
      throw new UserError(
          e.getMessage()
              + " ("
              + String.join(", ", KEYS.stream().map(Settings::variable).toList())
              + ")");
    }
  }

  /** Puts the five headers of a GET of the exchange's URL on it. */
  public void sign(Exchange exchange) {
    if (signature != null) {
      exchange
          .getMessage()
          .getHeaders()
          .putAll(
              signature.headers(
                  URI.create(exchange.getMessage().getHeader(Exchange.HTTP_URI, String.class))
                      .getPath()));
    }
  }

  /**
   * Leaves a field out of rows, and of the rows in them: one that holds an account's key.
   *
   * @return the same rows
   */
  public List<Map<String, Object>> without(@Body List<Map<String, Object>> rows, String field) {
    rows.forEach(row -> leaveOut(row, field));
    return rows;
  }

  private static void leaveOut(Object value, String field) {
    if (value instanceof Map<?, ?> map) {
      map.remove(field);
      map.values().forEach(inner -> leaveOut(inner, field));
    } else if (value instanceof List<?> list) {
      list.forEach(inner -> leaveOut(inner, field));
    }
  }
}
