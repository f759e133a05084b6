package polymarket.backfill;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The settings of Camel itself, from the list that camel-main brings. Camel would name a wrong one
 * when the routes start, after ids were taken in.
 */
final class CamelSettings {

  /** The groups whose settings are all in the list: components and beans have further ones. */
  private static final Pattern LISTED = Pattern.compile("camel\\.(main|resilience4j)\\..*");

  private static final Pattern NAME = Pattern.compile("\"name\": *\"(" + LISTED.pattern() + "?)\"");

  private CamelSettings() {}

  /** Whether a key that begins with {@code camel.} may be one of Camel's. */
  static boolean isKnown(String key) {
    return !LISTED.matcher(key).matches() || names().contains(dashed(key));
  }

  /** The settings of these groups, such as {@code camel.resilience4j.sliding-window-size}. */
  static Set<String> names() {
    Set<String> names = new TreeSet<>();
    try (InputStream list =
        CamelSettings.class.getResourceAsStream(
            "/META-INF/camel-main-configuration-metadata.json")) {
      Matcher name = NAME.matcher(new String(list.readAllBytes(), StandardCharsets.UTF_8));
      while (name.find()) {
        names.add(dashed(name.group(1)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names;
  }

  /** Camel takes a name with dashes and one with capital letters. */
  private static String dashed(String key) {
    return key.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }
}
