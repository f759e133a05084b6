package polymarket.backfill.job;

import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.RouteWatcherReloadStrategy;

/**
 * Takes edits of the route files over while a job runs. A file is tried in a context of its own first, so that a mistake
 * in it is one line on the screen and the route that runs stays as it is.
 */
final class RouteReload extends RouteWatcherReloadStrategy {

    private final Map<String, Object> beans;
    private final Sources sources;
    private final Messages messages;

    /**
     * @param routes the folder with the route files
     * @param loaded the files that this run has loaded, as URIs; others are left alone
     * @param beans what the routes refer to by name
     */
    RouteReload(Path routes, Collection<String> loaded, Map<String, Object> beans, Sources sources, Messages messages) {
        super(routes.toString(), true);
        this.beans = beans;
        this.sources = sources;
        this.messages = messages;
        setRemoveAllRoutes(false);
        setFileFilter(file -> loaded.contains(file.toPath().toAbsolutePath().normalize().toUri().toString()));
    }

    @Override
    protected void onRouteReload(Collection<Resource> resources, boolean removeEverything) {
        for (Resource resource : resources == null ? List.<Resource>of() : resources) {
            String file = Path.of(resource.getURI()).getFileName().toString();
            try {
                ModelCamelContext context = (ModelCamelContext) getCamelContext();
                Map<String, Sources.Throttle> before = throttles(context);
                Map<String, Sources.Throttle> tried = tryOut(resource);
                super.onRouteReload(List.of(resource), false);
                StringBuilder changes = new StringBuilder();
                tried.forEach((route, now) -> {
                    Sources.Throttle was = before.get(route);
                    if (was == null || was.requests() != now.requests() || was.periodMillis() != now.periodMillis()) {
                        changes.append(changes.isEmpty() ? ": " : ", ").append(route).append(" from ").append(was).append(" to ").append(now);
                    }
                });
                messages.info(file + " was reloaded" + (changes.isEmpty() ? "" : changes));
            } catch (Exception | LinkageError e) {
                messages.warn(mistake(resource, e) + " - the route goes on as it was");
            }
        }
    }

    /** Builds the file's routes where they do no harm. */
    private Map<String, Sources.Throttle> tryOut(Resource resource) throws Exception {
        try (DefaultCamelContext trial = new DefaultCamelContext()) {
            beans.forEach(trial.getRegistry()::bind);
            trial.setAutoStartup(false);
            getCamelContext().getPropertiesComponent().loadProperties().forEach(
                    (key, value) -> trial.getPropertiesComponent().addInitialProperty(String.valueOf(key), String.valueOf(value)));
            PluginHelper.getRoutesLoader(trial).loadRoutes(resource);
            trial.start();
            return throttles(trial);
        }
    }

    private Map<String, Sources.Throttle> throttles(ModelCamelContext context) {
        Map<String, Sources.Throttle> throttles = new HashMap<>();
        context.getRouteDefinitions().forEach(route -> Sources.read(context, route).ifPresent(throttle -> throttles.put(route.getId(), throttle)));
        return throttles;
    }

    private static String mistake(Resource resource, Throwable e) {
        Throwable root = e;
        StringBuilder all = new StringBuilder();
        while (root != null) {
            all.append(root.getMessage()).append('\n');
            root = root.getCause() == root ? null : root.getCause();
        }
        Path file = Path.of(resource.getURI());
        Matcher line = Pattern.compile("line:? (\\d+)|:(\\d+)[\\s,)]").matcher(all);
        String where = file.getParent().getFileName() + "/" + file.getFileName();
        if (line.find()) {
            where += ":" + (line.group(1) != null ? line.group(1) : line.group(2));
        }
        String message = all.toString().lines().filter(text -> !text.isBlank() && !text.equals("null")).reduce((first, last) -> last).orElse(e.toString());
        return where + ": " + message.strip();
    }
}
