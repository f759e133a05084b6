package polymarket.backfill;

import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The texts that may not be shown, and how they look in what others write: percent-encoded, in
 * base64 (at any offset, as in a Basic header), in hex, escaped for JSON or HTML, in any case, and
 * cut short. Immutable.
 */
final class Secrets {

  static final String MASK = "***";

  static final Secrets NONE = new Secrets(Set.of());

  /** Shorter values would hide parts of ordinary words. */
  private static final int SHORTEST = 4;

  /** From this length on, a secret is found inside a word; a shorter one only as a whole word. */
  private static final int UNMISTAKABLE = 8;

  /** How much of a long secret's beginning is enough, where a text was cut. */
  private static final int TELLING = 8;

  private static final int BUCKETS = 1 << 12;

  private static final Pattern NAMES =
      Pattern.compile("(?:.*[.-])?(?:password|passphrase|secret|token|key)");

  /** Parts of URLs that are no secret, beside the words of the settings. */
  private static final Pattern ORDINARY =
      Pattern.compile(
          "v?[0-9.]{1,11}|api|rpc|jsonrpc|json|https?|wss?|eth|pos|bor|matic|mainnet|amoy|archive"
              + "|nodes?|graphql|query|ethereum|private|public|project|default");

  private static final Pattern JDBC_PASSWORD = Pattern.compile("(?i)[?&][^=&]*password=([^&\\s]+)");

  /** What may as well be a number of rows. */
  private static final Pattern COUNT = Pattern.compile("[0-9]{1,7}");

  /**
   * A text to look for.
   *
   * @param text in lower case
   * @param least how many of its characters have to be there
   * @param word whether its neighbours may not be letters or digits
   */
  private record Form(String text, int least, boolean word) {}

  private final Set<Form> forms;
  private final Form[][] byStart = new Form[BUCKETS][];

  private Secrets(Set<Form> forms) {
    this.forms = forms;
    Map<Integer, List<Form>> buckets = new HashMap<>();
    forms.forEach(
        form ->
            buckets
                .computeIfAbsent(
                    bucket(form.text().charAt(0), form.text().charAt(1)), key -> new ArrayList<>())
                .add(form));
    buckets.forEach((bucket, of) -> byStart[bucket] = of.toArray(Form[]::new));
  }

  /** Whether a setting of this name holds a secret, such as clob.api-key. */
  static boolean isSecret(String setting) {
    return NAMES.matcher(setting).matches();
  }

  /**
   * These secrets and one more.
   *
   * @param words that are no secret, in lower case: they appear in ordinary messages
   */
  Secrets and(String secret, Set<String> words) {
    if (secret.length() < SHORTEST
        || words.contains(secret.toLowerCase(Locale.ROOT))
        || COUNT.matcher(secret).matches()) {
      return this;
    }
    Set<Form> more = new LinkedHashSet<>(forms);
    add(more, secret);
    return more.size() == forms.size() ? this : new Secrets(more);
  }

  /**
   * These secrets and those in a URL: user and password, the path and its segments, the query's
   * values. The host is none.
   *
   * @param words that are no secret, in lower case
   */
  Secrets andUrl(String url, Set<String> words) {
    Set<Form> more = new LinkedHashSet<>(forms);
    try {
      URI uri = URI.create(url.strip());
      if (uri.getRawAuthority() != null && uri.getRawAuthority().contains("@")) {
        String user = uri.getRawAuthority().substring(0, uri.getRawAuthority().lastIndexOf('@'));
        add(more, user);
        add(more, decoded(user));
        Arrays.stream(user.split(":")).forEach(part -> part(more, part, words));
      }
      String path = uri.getRawPath() == null ? "" : uri.getRawPath();
      String query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
      Arrays.stream(path.split("/")).forEach(part -> part(more, part, words));
      Arrays.stream(query.split("&"))
          .forEach(part -> part(more, part.substring(part.indexOf('=') + 1), words));
      part(more, uri.getRawFragment() == null ? "" : uri.getRawFragment(), words);
      whole(more, path, words);
      whole(more, query.isEmpty() ? "" : path + "?" + query, words);
    } catch (IllegalArgumentException e) {
      // it is refused elsewhere, and may hold a key anyway
      Arrays.stream(url.split("[\\s/?&=@:]+")).forEach(part -> part(more, part, words));
    }
    return more.size() == forms.size() ? this : new Secrets(more);
  }

  /** These secrets and the passwords among the parameters of a JDBC URL; the rest is no secret. */
  Secrets andJdbcUrl(String url, Set<String> words) {
    Secrets more = this;
    Matcher password = JDBC_PASSWORD.matcher(url);
    while (password.find()) {
      more = more.and(password.group(1), words).and(decoded(password.group(1)), words);
    }
    return more;
  }

  private static void part(Set<Form> forms, String part, Set<String> words) {
    for (String text : List.of(part, decoded(part))) {
      if (text.length() >= SHORTEST && !ordinary(text, words)) {
        add(forms, text);
      }
    }
  }

  /** A path that is not made of ordinary words alone, however short its secret is. */
  private static void whole(Set<Form> forms, String path, Set<String> words) {
    boolean secret =
        Arrays.stream(path.split("[/?&=]+"))
            .anyMatch(part -> !part.isEmpty() && !ordinary(part, words));
    // a text that is no URL is all path: its first word would hide that word everywhere
    if (path.length() > 1 && secret && !Character.isLetterOrDigit(path.charAt(0))) {
      forms.add(new Form(path.toLowerCase(Locale.ROOT), path.length(), true));
    }
  }

  private static boolean ordinary(String text, Set<String> words) {
    String lower = text.toLowerCase(Locale.ROOT);
    return words.contains(lower)
        || Arrays.stream(lower.split("[-_.,:]"))
            .allMatch(
                part -> part.isEmpty() || words.contains(part) || ORDINARY.matcher(part).matches());
  }

  private static String decoded(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return text;
    }
  }

  private static void add(Set<Form> forms, String secret) {
    byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
    String form = URLEncoder.encode(secret, StandardCharsets.UTF_8);
    String percent = form.replace("+", "%20");
    String json = secret.replace("\\", "\\\\").replace("\"", "\\\"");
    String html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    Set<String> plain = new LinkedHashSet<>(List.of(secret, form, percent));
    plain.add(percent.replace("%", "%25"));
    plain.add(percent.replace("*", "%2A").replace("-", "%2D").replace(".", "%2E"));
    plain.add(json);
    plain.add(json.replace("/", "\\/"));
    plain.add(
        json.replace("&", "\\u0026")
            .replace("<", "\\u003c")
            .replace(">", "\\u003e")
            .replace("'", "\\u0027"));
    plain.add(html);
    plain.add(html.replace("\"", "&quot;").replace("'", "&#39;"));
    plain.add(html.replace("\"", "&#34;").replace("'", "&#x27;"));
    plain.forEach(text -> form(forms, text));
    form(forms, HexFormat.of().formatHex(bytes));
    base64(bytes).forEach(text -> form(forms, text));
  }

  private static void form(Set<Form> forms, String text) {
    if (text.length() >= SHORTEST) {
      int least =
          text.length() < 2 * TELLING ? text.length() : Math.max(TELLING, (text.length() + 1) / 2);
      forms.add(new Form(text.toLowerCase(Locale.ROOT), least, text.length() < UNMISTAKABLE));
    }
  }

  /** What of the secret's base64 is the same whatever stands before and behind it. */
  private static Set<String> base64(byte[] secret) {
    Set<String> texts = new LinkedHashSet<>();
    for (int before = 0; before < 3; before++) {
      byte[] shifted = new byte[before + secret.length];
      System.arraycopy(secret, 0, shifted, before, secret.length);
      String text = Base64.getEncoder().withoutPadding().encodeToString(shifted);
      String own = text.substring((before * 8 + 5) / 6, shifted.length * 8 / 6);
      if (own.length() >= UNMISTAKABLE) {
        texts.add(own);
        texts.add(own.replace('+', '-').replace('/', '_'));
      }
    }
    return texts;
  }

  /** The text with each secret in it replaced by {@link #MASK}. */
  String mask(String text) {
    if (forms.isEmpty()) {
      return text;
    }
    StringBuilder masked = null;
    int done = 0;
    int at = 0;
    while (at + 1 < text.length()) {
      Form[] candidates = byStart[bucket(lower(text.charAt(at)), lower(text.charAt(at + 1)))];
      int length = candidates == null ? 0 : longest(text, at, candidates);
      if (length > 0) {
        masked = masked == null ? new StringBuilder(text.length()) : masked;
        masked.append(text, done, at).append(MASK);
        at += length;
        done = at;
      } else {
        at++;
      }
    }
    return masked == null ? text : masked.append(text, done, text.length()).toString();
  }

  private static int longest(String text, int at, Form[] candidates) {
    int longest = 0;
    for (Form form : candidates) {
      int most = Math.min(form.text().length(), text.length() - at);
      int same = 0;
      while (same < most && lower(text.charAt(at + same)) == form.text().charAt(same)) {
        same++;
      }
      boolean alone =
          !form.word()
              || (at == 0 || !Character.isLetterOrDigit(text.charAt(at - 1)))
                  && (at + same == text.length()
                      || !Character.isLetterOrDigit(text.charAt(at + same)));
      if (same >= form.least() && alone) {
        longest = Math.max(longest, same);
      }
    }
    return longest;
  }

  private static char lower(char c) {
    return c < 128 ? (c >= 'A' && c <= 'Z' ? (char) (c + 32) : c) : Character.toLowerCase(c);
  }

  private static int bucket(char first, char second) {
    return (first * 31 + second) & (BUCKETS - 1);
  }
}
