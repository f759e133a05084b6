package polymarket.backfill.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
          && expression.get("constant") instanceof Map<?, ?> constant) {
        return Double.parseDouble(String.valueOf(constant.get("expression")))
            * 1000
            / Double.parseDouble(String.valueOf(throttle.get("timePeriodMillis")));
      }
      return 0;
    } catch (NumberFormatException e) {
      return 0;
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
