package polymarket.backfill.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.camel.RuntimeCamelException;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;

/** The pace that a source's route file allows, for what is estimated before a run. */
public final class RoutePace {

  private RoutePace() {}

  /** The route file of a source, below the program's folder. */
  public static String file(String source) {
    return "routes/sources/" + source + ".camel.yaml";
  }

  /**
   * The requests a second that a source's route allows, from its throttle; 0 where there is no such
   * file, or that is not a number.
   *
   * @throws UserError if the file cannot be read or is no YAML
   */
  public static double perSecond(Settings settings, String source) {
    Path file = settings.home().resolve(file(source));
    if (!Files.exists(file)) {
      return 0;
    }
    try {
      Object yaml = new YamlFile(settings.home(), file).values();
      if (find(find(yaml, "id", source), "throttle", null) instanceof Map<?, ?> route
          && route.get("throttle") instanceof Map<?, ?> throttle
          && throttle.get("expression") instanceof Map<?, ?> expression
          && !expression.isEmpty()) {
        return Double.parseDouble(requests(settings, expression))
            * 1000
            / Double.parseDouble(String.valueOf(throttle.get("timePeriodMillis")));
      }
      return 0;
    } catch (IllegalArgumentException | RuntimeCamelException e) {
      // what is wrong with it is said when a run checks its routes
      return 0;
    }
  }

  /** The requests per period, as a route's expression in YAML says. */
  private static String requests(Settings settings, Map<?, ?> expression) {
    Map.Entry<?, ?> language = expression.entrySet().iterator().next();
    String text =
        language.getValue() instanceof Map<?, ?> of
            ? String.valueOf(of.get("expression"))
            : String.valueOf(language.getValue());
    if (language.getKey().equals("constant")) {
      return text;
    }
    try (DefaultCamelContext context = new DefaultCamelContext()) {
      settings.all().forEach(context.getPropertiesComponent()::addInitialProperty);
      context.build();
      return String.valueOf(
          context
              .resolveLanguage(String.valueOf(language.getKey()))
              .createExpression(text)
              .evaluate(new DefaultExchange(context), String.class));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The first map, at any depth, that has a key, with that value where one is given. */
  private static Object find(Object in, String key, String value) {
    if (in instanceof Map<?, ?> map
        && map.containsKey(key)
        && (value == null || value.equals(map.get(key)))) {
      return map;
    }
    Iterable<?> parts =
        in instanceof Map<?, ?> map ? map.values() : in instanceof List<?> list ? list : List.of();
    for (Object part : parts) {
      Object found = find(part, key, value);
      if (found != null) {
        return found;
      }
    }
    return null;
  }
}
