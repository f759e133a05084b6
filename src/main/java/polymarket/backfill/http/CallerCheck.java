package polymarket.backfill.http;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides which requests a server on loopback accepts, by three headers. A web page cannot set any
 * of them, so no page of another origin is accepted: not with a form, an image or a script (Origin,
 * Sec-Fetch-Site), and not with a host name that resolves to 127.0.0.1 (Host). It does not
 * distinguish users of this machine; a password does.
 */
public final class CallerCheck {
  private static final Set<String> OWN_SITE = Set.of("same-origin", "none");

  private final Set<String> hosts;

  private CallerCheck(Set<String> hosts) {
    this.hosts = hosts;
  }

  /**
   * Returns the check for a server on this port.
   *
   * @param port 1 to 65535; with 80, a Host without a port is right as well
   */
  public static CallerCheck ofPort(int port) {
    List<String> names = List.of("127.0.0.1", "localhost", "[::1]");
    Set<String> hosts = new java.util.HashSet<>();
    for (String name : names) {
      hosts.add(name + ":" + port);
      if (port == 80) {
        hosts.add(name);
      }
    }
    return new CallerCheck(Set.copyOf(hosts));
  }

  /**
   * The reason for rejecting a request, in one line without a value of the request; empty if it is
   * accepted.
   *
   * @param headers the request's headers, with case-insensitive names; one that was sent twice has
   *     its values joined by a comma, and is rejected
   */
  public Optional<String> refusal(Map<String, String> headers) {
    String host = headers.getOrDefault("Host", "").toLowerCase(Locale.ROOT);
    if (!hosts.contains(host)) {
      return Optional.of("Host must be 127.0.0.1, localhost or [::1], with this server's port");
    }
    String site = headers.get("Sec-Fetch-Site");
    if (site != null && !OWN_SITE.contains(site)) {
      return Optional.of("the request comes from a web page of another site (Sec-Fetch-Site)");
    }
    String origin = headers.get("Origin");
    if (origin != null && !origin.equals("http://" + host)) {
      return Optional.of("the request comes from a web page of another origin (Origin)");
    }
    return Optional.empty();
  }
}
