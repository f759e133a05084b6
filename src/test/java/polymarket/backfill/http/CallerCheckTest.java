package polymarket.backfill.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who may ask a server on loopback. */
class CallerCheckTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          127.0.0.1:8124     |              |                         | yes
          localhost:8124     |              |                         | yes
          LOCALHOST:8124     |              |                         | yes
          [::1]:8124         |              |                         | yes
          127.0.0.1:8124     | none         |                         | yes
          127.0.0.1:8124     | same-origin  | http://127.0.0.1:8124   | yes
          localhost:8124     | same-origin  | http://localhost:8124   | yes
                             |              |                         | no
          127.0.0.1          |              |                         | no
          127.0.0.1:8125     |              |                         | no
          127.0.0.2:8124     |              |                         | no
          0.0.0.0:8124       |              |                         | no
          evil.example:8124  |              |                         | no
          localhost.:8124    |              |                         | no
          localhost.evil.example:8124 |     |                         | no
          127.0.0.1:8124, evil.example |    |                         | no
          127.0.0.1:8124@evil.example  |    |                         | no
          127.0.0.1:8124     | cross-site   |                         | no
          127.0.0.1:8124     | same-site    |                         | no
          127.0.0.1:8124     | SAME-ORIGIN  |                         | no
          127.0.0.1:8124     | none, none   |                         | no
          127.0.0.1:8124     | later-word   |                         | no
          127.0.0.1:8124     |              | null                    | no
          127.0.0.1:8124     |              | http://127.0.0.1:8125   | no
          127.0.0.1:8124     |              | http://127.0.0.1        | no
          127.0.0.1:8124     |              | https://127.0.0.1:8124  | no
          127.0.0.1:8124     |              | http://localhost:8124   | no
          127.0.0.1:8124     |              | http://evil.example     | no
          127.0.0.1:8124     | same-origin  | http://evil.example     | no
          127.0.0.1:8124     | cross-site   | http://127.0.0.1:8124   | no
          """)
  void onlyTheServersOwnPagesAndPlainClients_areAccepted(
      String host, String site, String origin, String may) {
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    put(headers, "host", host);
    put(headers, "sec-fetch-site", site);
    put(headers, "origin", origin);
    assertEquals(
        may.equals("yes"),
        CallerCheck.ofPort(8124).refusal(headers).isEmpty(),
        () -> headers + ": " + CallerCheck.ofPort(8124).refusal(headers));
  }

  @ParameterizedTest
  @CsvSource({"127.0.0.1, yes", "127.0.0.1:80, yes", "localhost, yes", "evil.example, no"})
  void onPortEightyAHostNeedsNoPort(String host, String may) {
    assertEquals(
        may.equals("yes"), CallerCheck.ofPort(80).refusal(Map.of("Host", host)).isEmpty(), host);
  }

  private static void put(Map<String, String> headers, String name, String value) {
    if (value != null) {
      headers.put(name, value);
    }
  }
}
